"""Range coding: integers and their tables to bytes and back, one stream for all parts.

Two engines write and read the same stream, that of TensorFlow Compression (`create_range_encoder`,
`entropy_encode_index`, `entropy_encode_finalize` with 16-bit tables that escape).
"""

from collections.abc import Sequence
from types import ModuleType

import numpy as np

from hcfss_jax.coding import jax_decoder, jax_encoder, tfc_engine
from hcfss_jax.coding.tables import Tables
from hcfss_jax.errors import CorruptSection

Part = tuple[np.ndarray, np.ndarray, Tables]
"""(symbols int32 `[n]`, the index of each one's table int32 `[n]`, the tables)."""

ENGINES = ("auto", "jax", "tfc")


def encode(parts: Sequence[Part], engine: str = "auto") -> bytes:
    """One stream of all parts, in order. Any int32 is a symbol; parts may be empty.

    Args:
      parts: symbols, indices and tables; indices in [0, len(tables)).
      engine: "jax" (also "auto"), or "tfc" for TensorFlow Compression's own ops.

    Raises:
      ValueError: an index names no table, shapes or types do not fit, or the engine is unknown.
      ImportError: engine "tfc", and TensorFlow Compression is not installed.
    """
    checked = [(_int32(s, "symbols"), _checked_indices(i, t), t) for s, i, t in parts]
    for symbols, indices, _ in checked:
        if symbols.shape != indices.shape:
            raise ValueError(f"{symbols.size} symbols, but {indices.size} indices")
    return (tfc_engine if _is_tfc(engine) else jax_encoder).encode(checked)


class RangeDecoder:
    """Reads a stream part by part: what indexes a part may depend on those before it.

    `data` that is no stream of these parts gives arbitrary symbols or CorruptSection, in bounded
    time (engine "jax"; TensorFlow Compression's own ops may not return from such data).
    """

    def __init__(self, data: bytes, engine: str = "auto") -> None:
        module: ModuleType = tfc_engine if _is_tfc(engine) else jax_decoder
        self._decoder = module.Decoder(bytes(data))

    def decode(self, indices: np.ndarray, tables: Tables) -> np.ndarray:
        """The next part's symbols, int32 `[n]`, given the index of each one's table.

        Raises ValueError for an index without a table, CorruptSection for data that no encoder
        wrote.
        """
        checked = _checked_indices(indices, tables)
        if not checked.size:
            return np.zeros(0, np.int32)
        return self._decoder.decode(checked, tables)

    def is_certain(self) -> bool:
        """Whether all that was decoded stands, if `data` are only the first bytes of a stream. Engine "jax" alone."""
        if not isinstance(self._decoder, jax_decoder.Decoder):
            raise ValueError(
                "engine tfc does not tell where it stands in the stream: use engine jax"
            )
        return self._decoder.is_certain()

    def finish(self) -> None:
        """Call after the last part. Raises CorruptSection if the stream does not end there."""
        if not self._decoder.finish():
            raise CorruptSection("the symbol stream does not end where its symbols do")


def _is_tfc(engine: str) -> bool:
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}; there are {', '.join(ENGINES)}")
    return engine == "tfc"


def _int32(array: np.ndarray, what: str) -> np.ndarray:
    array = np.asarray(array)
    if array.ndim != 1 or array.dtype != np.int32:
        raise ValueError(f"{what} must be int32 [n], not {array.dtype} {list(array.shape)}")
    return array


def _checked_indices(indices: np.ndarray, tables: Tables) -> np.ndarray:
    indices = _int32(indices, "indices")
    if indices.size and (indices.min() < 0 or indices.max() >= len(tables)):
        raise ValueError(
            f"indices from {indices.min()} to {indices.max()}, but there are {len(tables)} tables"
        )
    return indices
