"""A folder with all that decoding files of some weights takes, at some sizes of arrays.

decoder.json    the plan, what the nets take and give, sizes, grids, names; docs/other-languages.md explains each
tables.npz      the coder's tables, and those of shifts
decode.py       with ONNX: a decoder in NumPy
512x768/        the nets for arrays of that height and width
  stepN.onnx    or .bin; stepN.question.onnx of steps that are decided
  picture.onnx
"""

import contextlib
import dataclasses
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import hcfss_jax
from hcfss_jax.codec import Codec
from hcfss_jax.codec.compiled_model import arrays_of
from hcfss_jax.coding.buckets import SIZES
from hcfss_jax.entropy.distributions import Factorised
from hcfss_jax.entropy.margins import margins
from hcfss_jax.entropy.shifted_index import BLOCK, SHIFTS, shift_tables
from hcfss_jax.errors import HcfError
from hcfss_jax.nets.decoder_nets import DecoderNets, decoder_nets
from hcfss_jax.nets.net import Net
from hcfss_jax.runtime.whole_file import write_whole

FORMAT_VERSION = 1
"""Of `decoder.json`."""
_TOLD = "decoder.json"

Size = tuple[int, int]

DECODER = Path(__file__).with_name("decode.py")
"""The source of a decoder in NumPy, which lies beside the nets as a copy."""


@dataclasses.dataclass(frozen=True)
class Form:
    """How nets are written. ending: of their files. write: a net to bytes, or HcfError."""

    name: str
    ending: str
    write: Callable[[Net], bytes]


def form_of(name: str) -> Form:
    """By name, "onnx" or "stablehlo". Raises HcfError where that takes an extra which is not installed."""
    if name == "onnx":
        from hcfss_jax.nets.onnx_form import check_installed, to_onnx

        check_installed()
        return Form(name, "onnx", to_onnx)
    from hcfss_jax.nets.stablehlo_form import to_stablehlo

    return Form(name, "bin", to_stablehlo)


def write_decoder(
    path: str | os.PathLike[str], codec: Codec, sizes: Iterable[Size], form: Form
) -> list[Size]:
    """Write the folder for pictures of these sizes, height and width, and all others of the same arrays.

    What is in it already stays, but for files of these names; a decoder finds the nets of these sizes alone. Returns
    the sizes of the arrays, each once. Raises HcfError for a net that cannot be told in that form, before anything is
    written, and OSError for a place that cannot be written to.
    """
    of_arrays = list(dict.fromkeys(arrays_of(codec.model, *size) for size in sizes))
    with _claimed(Path(path)) as folder:
        nets = {size: decoder_nets(codec.model, codec.params, size) for size in of_arrays}
        files = {
            _file(size, net, form): form.write(net)
            for size in of_arrays
            for net in nets[size].every
        }
        files[_TOLD] = json.dumps(_told(codec, nets, form), indent=1).encode()
        files["tables.npz"] = _tables(codec)
        if form.name == "onnx":
            files[DECODER.name] = DECODER.read_bytes()
        _write(folder, files)
    return of_arrays


@contextlib.contextmanager
def _claimed(folder: Path) -> Iterator[Path]:
    """A folder that can be written to: one that cannot is an OSError at once, and not after minutes of work."""
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        if new and not any(folder.iterdir()):
            folder.rmdir()


def _told(codec: Codec, nets: Mapping[Size, DecoderNets], form: Form) -> dict[str, Any]:
    """What `decoder.json` holds."""
    model, qualities = codec.model, range(1, codec.levels + 1)
    record = codec.meta.get("noise")
    any_size = next(iter(nets.values()))
    return {
        "format": FORMAT_VERSION,
        "made_by": f"hcfss_jax {hcfss_jax.__version__}",
        "model": codec.name,
        "fingerprint": codec.fingerprint.hex(),
        "levels": codec.levels,
        "form": form.name,
        "multiple": model.multiple,
        "sizes": [list(each) for each in SIZES] if model.paddable else [],
        "tables": list(codec.tables),
        "block": BLOCK,
        "steps": [_step(model.plan, number, any_size) for number in range(len(model.plan))],
        "nets": {
            _folder(size): {net.name: _net(size, net, form) for net in of_size.every}
            for size, of_size in nets.items()
        },
        "margins": {str(q): margins(record, q, model.plan) for q in qualities},
    }


def _step(plan: Any, number: int, nets: DecoderNets) -> dict[str, Any]:
    step = plan[number]
    kind, question = step.distribution, nets.questions.get(number)
    if kind.grid is None and kind.row is not Factorised.row:
        raise HcfError(
            f"{kind.__name__} says tables in a way of its own, for which decoder.json has no word"
        )
    read_by = "answers" if kind.decided else "position" if kind.grid else "channel"
    return {
        "latent": step.latent,
        "first": step.first,
        "channels": step.channels,
        "stride": step.stride,
        "lattice": step.lattice,
        "distribution": kind.__name__,
        "read_by": read_by,
        "grid": list(kind.grid or (0, 0)),
        "flagged": step.flagged,
        "net": nets.before[number].name if number in nets.before else None,
        "question": question and question.name,
    }


def _net(size: Size, net: Net, form: Form) -> dict[str, Any]:
    def listed(arrays: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            {"name": name, "dtype": np.dtype(a.dtype).name, "shape": list(a.shape)}
            for name, a in arrays.items()
        ]

    inputs, outputs = listed(net.inputs), listed(net.outputs)
    return {"file": _file(size, net, form), "inputs": inputs, "outputs": outputs}


def _file(size: Size, net: Net, form: Form) -> str:
    return f"{_folder(size)}/{net.name}.{form.ending}"


def _folder(size: Size) -> str:
    height, width = size
    return f"{height}x{width}"


def _tables(codec: Codec) -> bytes:
    """The bytes of `tables.npz`: "NAME.cdf", "NAME.offset", "NAME.length" of each latent; the same of "shift_tables";
    "shifts", float32, by their numbers."""
    named = {**codec.tables, "shift_tables": shift_tables()}
    arrays = {f"{n}.{part}": a for n, t in named.items() for part, a in t.to_arrays().items()}
    held = io.BytesIO()
    np.savez_compressed(held, **arrays, shifts=SHIFTS)  # type: ignore[arg-type]
    return held.getvalue()


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """`decoder.json` goes first and comes last: a folder that has one is whole."""
    told = folder / _TOLD
    told.unlink(missing_ok=True)
    for name in sorted(files, key=lambda name: name == _TOLD):
        write_whole(folder / name, files[name])
