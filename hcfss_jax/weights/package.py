"""Weight packages: one safetensors file with everything that decoding depends on.

A package holds the parameters, the coder's integer tables made from these very parameters, and the
model's name and configuration. Files that a codec writes carry the package's fingerprint.
"""

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy

from hcfss_jax.coding import Tables
from hcfss_jax.errors import UnknownModel, WrongWeights
from hcfss_jax.runtime.places import path_of, read
from hcfss_jax.runtime.whole_file import write_whole
from hcfss_jax.weights.hub import fetched, is_on_hub
from hcfss_jax.weights.parameters import Params, flatten, nest, parameter_shapes

DEFAULT_WEIGHTS = "hcfssnet-tiny"
"""The package that is meant where none is named."""
SHIPPED = Path(__file__).parents[1] / "shipped"
"""Where the packages that come with the library lie, NAME.safetensors beside its card NAME.md."""

FORMAT_VERSION = 1
_METADATA_KEY = "hcfss_jax"  # one key: the file's bytes do not depend on an order of keys
_DTYPES = {
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I32": np.dtype(np.int32),
}
_STORED = {
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
}


@dataclasses.dataclass(frozen=True)
class WeightPackage:
    """A trained model as a value.

    name: a model of `hcfss_jax.models`. config: the fields of its configuration.
    params: nested dict of float32 arrays. tables: the coder's integer tables by the latent coded.
    meta: where it comes from (steps, experiment), as JSON holds it; nothing decodes by it.
    """

    name: str
    config: dict[str, Any]
    params: Params
    tables: dict[str, Tables]
    meta: dict[str, Any] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def fingerprint(self) -> bytes:
        """4 bytes that differ between packages that decode differently.

        The head of a SHA-256 over name, configuration and every tensor; `meta` and the type that
        parameters are stored in do not count.
        """
        digest = hashlib.sha256(_canonical_json({"name": self.name, "config": self.config}))
        for name, tensor in sorted(_tensors(self.params, self.tables).items()):
            header = f"{name} {tensor.dtype.name} {tensor.shape}\n"
            digest.update(header.encode())
            digest.update(np.ascontiguousarray(tensor, tensor.dtype.newbyteorder("<")).tobytes())
        return digest.digest()[:4]

    @property
    def parameter_count(self) -> int:
        """How many numbers the model has learned."""
        return sum(leaf.size for leaf in flatten(self.params).values())


def make_package(
    model: Any, name: str, params: Params, meta: Mapping[str, Any], dtype: str = "float16"
) -> WeightPackage:
    """Round the parameters to `dtype` and build the tables from what is left of them.

    In this order, so that the tables fit the very numbers that a reader of the file will have.
    dtype: "float32"; "float16", whose eleven digits cost nothing that we could measure, where the eight of "bfloat16"
    cost half a percent of the bits; "bfloat16", for numbers beyond 65504. Raises ValueError for another, and for
    numbers that it does not reach.
    """
    rounded = _round_to(params, _stored_dtype(dtype))
    tables = model.build_tables({"params": rounded})
    config = json.loads(_canonical_json(dataclasses.asdict(model.config)))
    return WeightPackage(name, config, rounded, tables, dict(meta))


def save_package(
    path: str | os.PathLike[str], package: WeightPackage, dtype: str = "float16"
) -> None:
    """Write a package, whole or not at all.

    dtype: of the stored parameters. Raises ValueError where it would change one of them.
    """
    stored = _stored_dtype(dtype)
    tensors = _tensors(package.params, package.tables)
    for name, tensor in tensors.items():
        if tensor.dtype == np.float32:
            tensors[name] = tensor.astype(stored)
            if not np.array_equal(tensors[name].astype(np.float32), tensor, equal_nan=True):
                raise ValueError(
                    f"{name} loses digits in {dtype}: make the package with that dtype"
                )
    header = {
        "format": FORMAT_VERSION,
        "model": package.name,
        "config": package.config,
        "fingerprint": package.fingerprint.hex(),
        "meta": package.meta,
    }
    metadata = {_METADATA_KEY: _canonical_json(header).decode()}
    write_whole(path_of(path), safetensors.numpy.save(tensors, metadata))


def load_package(name_or_path: str | os.PathLike[str]) -> WeightPackage:
    """The package shipped under a name, the one in a file, or on a hub: `hf://OWNER/NAME`.

    Raises UnknownModel where there is none, UnreachablePlace where a hub does not answer, WrongWeights where the file
    is no package, is damaged, or is of a newer format.
    """
    path = find_package(name_or_path)
    data = read(os.fspath(path))
    try:
        header = json.loads(_metadata(data)[_METADATA_KEY])
        entries = safetensors.deserialize(data)
        tensors = {
            name: np.frombuffer(entry["data"], _DTYPES[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in entries
        }
        version, wanted = header["format"], header["fingerprint"]
    except (safetensors.SafetensorError, KeyError, ValueError, UnicodeDecodeError) as error:
        because = "" if isinstance(error, UnicodeDecodeError) else f" ({error})"
        raise WrongWeights(f"{path} is not a weight package of hcfss_jax{because}") from error
    if version != FORMAT_VERSION:
        raise WrongWeights(
            f"{path} has format {version}, this library reads {FORMAT_VERSION}: update hcfss_jax"
        )
    package = _assemble(path, header, tensors)
    if package.fingerprint.hex() != wanted:
        raise WrongWeights(
            f"{path} is damaged: its contents have fingerprint {package.fingerprint.hex()}, "
            f"it should be {wanted}; fetch or export it again"
        )
    return package


def check_parameters(package: WeightPackage, model: Any) -> None:
    """Raise WrongWeights, naming the first differences, unless `model` takes these parameters."""
    wanted = parameter_shapes(model)
    found = {name: leaf.shape for name, leaf in flatten(package.params).items()}
    wrong = [
        f"{name}: {found.get(name, 'none')} where the model has {wanted.get(name, 'none')}"
        for name in sorted(wanted.keys() | found.keys())
        if found.get(name) != wanted.get(name)
    ]
    if wrong:
        raise WrongWeights(
            f"{len(wrong)} parameters do not fit {package.name}; {'; '.join(wrong[:3])}: "
            "the package is of another version of the model"
        )


def shipped_names() -> list[str]:
    """Names of the packages that come with the library."""
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))


def shipped_with(model: str, fingerprint: bytes) -> str | None:
    """The name of the weights that wrote files of a model and a fingerprint, among all that come with the library.

    A model's newest weights have its name. Those that they replaced stay beside them, with their fingerprint behind
    it, so that what they wrote can be read.
    """
    for path in sorted(SHIPPED.glob("*.safetensors")):
        with path.open("rb") as file:
            size = file.read(8)
            header = json.loads(
                _metadata(size + file.read(int.from_bytes(size, "little")))[_METADATA_KEY]
            )
        if (header["model"], header["fingerprint"]) == (model, fingerprint.hex()):
            return path.stem
    return None


def absence(model: str, fingerprint: bytes) -> str:
    """Where weights are that are not here, as the end of a sentence about them: a package leaves some out."""
    name = f"{model}-{fingerprint.hex()}"
    if name in {card.stem for card in SHIPPED.glob("*.md")}:
        return f"which a checkout of the library has, as hcfss_jax/shipped/{name}.safetensors"
    return "which do not come with the library"


def find_package(name_or_path: str | os.PathLike[str]) -> Path:
    """The file of a package: that of a name which comes with the library, a path, or of an address on a hub.

    Raises UnknownModel where there is none, UnreachablePlace where a hub does not answer.
    """
    if isinstance(name_or_path, str) and name_or_path in shipped_names():
        return SHIPPED / f"{name_or_path}.safetensors"
    if not isinstance(name_or_path, str | os.PathLike):
        raise UnknownModel(f"{name_or_path!r} is neither a name nor a path of weights")
    if is_on_hub(name_or_path):
        return fetched(str(name_or_path))
    path = path_of(name_or_path)
    if path.is_file():
        return path
    from hcfss_jax.models import model_names  # JAX with it, for the message alone

    if name_or_path in model_names():
        raise UnknownModel(
            f"{name_or_path} has no weights yet: train it, or give a file of its weights "
            f"(with the library come {', '.join(shipped_names())})"
        )
    raise UnknownModel(
        f"{str(name_or_path)!r} is neither a file nor weights that come with the library "
        f"({', '.join(shipped_names()) or 'none are here'})"
    )


def _metadata(data: bytes) -> dict[str, str]:
    """The free-text part of a safetensors header. Raises ValueError where there is no header."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    return header.get("__metadata__", {})


def _assemble(path: Path, header: dict[str, Any], tensors: dict[str, np.ndarray]) -> WeightPackage:
    """A package of what a file holds."""
    try:
        parts = nest(tensors)
        if unknown := sorted(parts.keys() - {"params", "tables"}):
            raise ValueError(f"unknown tensors {unknown[0]!r}")
        params = {n: np.asarray(leaf, np.float32) for n, leaf in flatten(parts["params"]).items()}
        return WeightPackage(
            header["model"],
            header["config"],
            nest(params),
            {latent: Tables.from_arrays(arrays) for latent, arrays in parts["tables"].items()},
            header["meta"],
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise WrongWeights(f"{path} is not a whole weight package ({error})") from error


def _tensors(params: Params, tables: Mapping[str, Tables]) -> dict[str, np.ndarray]:
    """Every tensor of a package by its name in the file."""
    named = {f"params.{name}": leaf for name, leaf in flatten(params).items()}
    for latent, table in tables.items():
        for name, array in table.to_arrays().items():
            named[f"tables.{latent}.{name}"] = np.ascontiguousarray(array, np.int32)
    return named


def _round_to(params: Params, stored: np.dtype) -> Params:
    """Float32 values that `stored` holds exactly, in the same nesting; ValueError for numbers beyond it."""
    rounded = {}
    for name, leaf in flatten(params).items():
        exact = np.asarray(leaf, np.float32)
        with np.errstate(over="ignore"):  # told of below
            rounded[name] = exact.astype(stored).astype(np.float32)
        if np.any(np.isinf(rounded[name]) & np.isfinite(exact)):
            raise ValueError(f"{name} has numbers beyond {stored.name}: store it as bfloat16")
    return nest(rounded)


def _stored_dtype(dtype: str) -> np.dtype:
    if dtype not in _STORED:
        raise ValueError(f"parameters are stored as {' or '.join(_STORED)}, not as {dtype!r}")
    return _STORED[dtype]


def _canonical_json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
