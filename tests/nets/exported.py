"""What the tests of nets share: a small model's folder, written once, and how our own decoder reads a file."""

import functools
import tempfile
from pathlib import Path

import jax
import numpy as np
import pytest

from hcfss_jax import coding
from hcfss_jax.codec import Codec, picture_stream, step_stream
from hcfss_jax.codec.picture_stream import level_of, reading
from hcfss_jax.entropy.steps import run_steps
from hcfss_jax.nets.folder import form_of, write_decoder
from tests.small_model import small_package

HEIGHT, WIDTH = 150, 100


def need_onnx() -> None:
    """Skips a file of tests."""
    for name in ("jax2onnx", "onnxruntime"):
        pytest.importorskip(name, reason=f"{name} is not installed: pip install 'hcfss-jax[onnx]'")
    if jax.__version_info__ >= (0, 11):
        pytest.skip("jax2onnx does not know the loops of this JAX", allow_module_level=True)


@functools.cache
def codec(name: str) -> Codec:
    """Of a small model."""
    return Codec(small_package(0, name))


@functools.cache
def folder(name: str) -> Path:
    """Its decoder as ONNX."""
    out = Path(tempfile.mkdtemp(prefix="nets-")) / name
    write_decoder(out, codec(name), [(HEIGHT, WIDTH)], form_of("onnx"))
    return out


def read_by_ours(by: Codec, data: bytes, monkeypatch: pytest.MonkeyPatch):
    """(symbols of each step `[n]`, where their tables lie `[n]` or None, x_hat `[H, W, 3]`) of our own decoder."""
    header, stream, _ = coding.unpack(data)
    passes = by._coder.passes.of(header.height, header.width)
    symbols, positions = [], []

    def read_step(passes, step, prediction, decoder, tables):
        found = step_stream.read_step(passes, step, prediction, decoder, tables)
        kind = passes.plan[step].distribution
        floats = kind.grid is not None and not kind.decided
        symbols.append(found[0])
        positions.append(passes.rows(step, prediction) if floats else None)
        return found

    monkeypatch.setattr(
        picture_stream, "step_stream", type("Recording", (), {"read_step": staticmethod(read_step)})
    )
    check = picture_stream.Check(passes.plan, [header.symbols_crc], 0)
    level, decoder = level_of(header.quality), coding.RangeDecoder(stream)
    decoded, _ = run_steps(passes, level, reading(passes, decoder, by.tables, check))
    x_hat = passes.synthesise_floats(decoded, level)
    return symbols, positions, np.asarray(x_hat)[: header.height, : header.width]
