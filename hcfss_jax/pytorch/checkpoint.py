"""Files of PyTorch weights, read without PyTorch and without running anything that is in them.

`torch.save` writes a zip: a pickle that names what to build, and the numbers beside it. The unpickler here knows the
few names that a state dict and an optimiser's state take, and refuses every other.
"""

import collections
import io
import math
import os
import pickle
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy

from hcfss_jax.errors import WrongWeights
from hcfss_jax.runtime.whole_file import write_whole

_STORAGES = {
    "FloatStorage": np.float32,
    "DoubleStorage": np.float64,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}
_SAFETENSORS = {
    "F32": np.float32,
    "F64": np.float64,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
_WRAPPERS = ("state_dict", "model", "params")
"""Under which training scripts keep the state dict, beside the optimiser and the epoch."""


class _Storage(NamedTuple):
    data: np.ndarray


class _Tensor:
    """`torch._utils._rebuild_tensor_v2`: a view of a storage, here within its bounds.

    No function, and without attributes: a pickle can set those of what it is given.
    """

    __slots__ = ()

    def __call__(
        self,
        storage: _Storage,
        offset: int,
        size: tuple[int, ...],
        stride: tuple[int, ...],
        *_: Any,
    ) -> np.ndarray:
        numbers = storage.data
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        count = math.prod(size)
        if min(0, offset, *size, *stride) < 0 or count > numbers.size:
            raise ValueError("a tensor reaches beyond its storage")
        if not count:
            return np.zeros(size, numbers.dtype)
        if last >= numbers.size:
            raise ValueError("a tensor reaches beyond its storage")
        strides = [step * numbers.itemsize for step in stride]
        return np.lib.stride_tricks.as_strided(numbers[offset:], size, strides, writeable=False)


class _Parameter:
    """`torch._utils._rebuild_parameter`: what it was made of."""

    __slots__ = ()

    def __call__(self, data: np.ndarray, *_: Any) -> np.ndarray:
        return data


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of a .pth, .pth.tar or safetensors file by name.

    Raises WrongWeights where it is none of these, is damaged, or asks for more than arrays.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
        if zipfile.is_zipfile(io.BytesIO(data)):
            return _arrays(path, _load_zip(data))
        if data[:1] == b"\x80" and data[8:9] != b"{":  # a pickle, and no length of a JSON header
            raise WrongWeights(
                f"{path} was written by PyTorch before 1.6, or by pickle alone: load it with PyTorch, "
                "and save its state dict again"
            )
        return _load_safetensors(data)
    except (
        safetensors.SafetensorError,
        pickle.UnpicklingError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        AttributeError,
        LookupError,
        MemoryError,
        OverflowError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        raise WrongWeights(f"{path} holds no PyTorch weights: {error}") from error


def write_state_dict(path: str | os.PathLike[str], state: Mapping[str, np.ndarray]) -> None:
    """Writes .pth where that is what the path ends with, which takes PyTorch; safetensors otherwise.

    Raises WrongWeights where PyTorch is wanted and not installed.
    """
    path = Path(path)
    if path.suffix not in (".pth", ".pt", ".tar"):
        write_whole(path, safetensors.numpy.save(dict(state)))
        return
    try:
        import torch
    except ImportError as error:
        raise WrongWeights(
            f"writing {path.name} takes PyTorch (pip install torch); a name that ends in .safetensors "
            "does not, and safetensors.torch.load_file reads it"
        ) from error
    buffer = io.BytesIO()
    torch.save({name: torch.from_numpy(array.copy()) for name, array in state.items()}, buffer)
    write_whole(path, buffer.getvalue())


def _arrays(path: Path, loaded: Any) -> dict[str, np.ndarray]:
    """The state dict in what a training script saved."""
    for wrapper in _WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not isinstance(loaded, Mapping):
        raise WrongWeights(f"{path} holds no state dict, but one {type(loaded).__name__}")
    for name, value in loaded.items():
        if not isinstance(name, str) or not isinstance(value, np.ndarray):
            raise WrongWeights(
                f"{path} holds no state dict: under {name!r} is a {type(value).__name__} and no tensor"
            )
    return dict(loaded)


def _load_safetensors(data: bytes) -> dict[str, np.ndarray]:
    return {
        name: np.frombuffer(entry["data"], _SAFETENSORS[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in safetensors.deserialize(data)
    }


def _load_zip(data: bytes) -> Any:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
        if len(pickles) != 1:
            raise ValueError("no data.pkl in it")
        return _Unpickler(archive, pickles[0].removesuffix("data.pkl")).load()


class _Unpickler(pickle.Unpickler):
    def __init__(self, archive: zipfile.ZipFile, folder: str):
        super().__init__(io.BytesIO(archive.read(f"{folder}data.pkl")))
        self._archive, self._folder = archive, folder
        self._numbers: dict[tuple[str, np.dtype], np.ndarray] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _STORAGES:
            return np.dtype(_STORAGES[name])
        if known := _KNOWN.get((module, name)):
            return known
        raise pickle.UnpicklingError(
            f"it asks for {module}.{name}, and only arrays are read: save the state dict alone"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise pickle.UnpicklingError("it asks for something that is no storage")
        if (key, dtype) not in self._numbers:
            member = self._archive.getinfo(f"{self._folder}data/{key}")
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError("its numbers are compressed, as PyTorch never writes them")
            self._numbers[key, dtype] = np.frombuffer(self._archive.read(member), dtype)
        if self._numbers[key, dtype].size < count:
            raise ValueError(f"storage {key} is cut short")
        return _Storage(self._numbers[key, dtype])


_KNOWN = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("collections", "Counter"): dict,
    ("collections", "defaultdict"): collections.defaultdict,
    ("builtins", "dict"): dict,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor(),
    ("torch._utils", "_rebuild_parameter"): _Parameter(),
}
