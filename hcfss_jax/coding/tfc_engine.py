"""Engine `tfc`: TensorFlow Compression's own ops, where they are installed. The reference.

Its ops take symbols counted from the start of their table, and all tables of a stream at once.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hcfss_jax.coding.tables import PRECISION, Tables

FARTHEST = 1 << 30
"""The ops count in int32: a distance from a table that reaches this never ends there."""


def encode(parts: Sequence[tuple[np.ndarray, np.ndarray, Tables]]) -> bytes:
    """Symbols to bytes; see `hcfss_jax.coding.encode`. Raises ValueError beyond 2**30."""
    ops = _ops()
    merged = _Merged()
    shifted = [indices + merged.add(tables) for _, indices, tables in parts]
    encoder = ops.create_range_encoder([], merged.lookup())
    for (symbols, indices, tables), index in zip(parts, shifted, strict=True):
        value = symbols.astype(np.int64) - tables.offset[indices]
        if value.size and np.abs(value).max() >= FARTHEST:
            raise ValueError(f"engine tfc codes no symbol {FARTHEST} or more from its table")
        encoder = ops.entropy_encode_index(encoder, index, value.astype(np.int32))
    return ops.entropy_encode_finalize(encoder).numpy()


class Decoder:
    """Bytes to symbols; see `hcfss_jax.coding.RangeDecoder`.

    The ops want every table at the start. So when a part brings new ones, the stream is read again
    from there: simple, and right, which is what a reference is for.
    """

    def __init__(self, data: bytes) -> None:
        self._ops = _ops()
        self._data = data
        self._merged = _Merged()
        self._history: list[np.ndarray] = []
        self._decoder: Any = None

    def decode(self, indices: np.ndarray, tables: Tables) -> np.ndarray:
        """The next symbols of the stream, int32 `[n]`."""
        known = self._merged.count
        index = indices + self._merged.add(tables)
        if self._decoder is None or self._merged.count > known:
            self._decoder = self._ops.create_range_decoder(self._data, self._merged.lookup())
            for earlier in self._history:
                self._next(earlier)
        self._history.append(index)
        return self._next(index) + tables.offset[indices]

    def _next(self, index: np.ndarray) -> np.ndarray:
        self._decoder, values = self._ops.entropy_decode_index(
            self._decoder, index, index.shape, np.int32
        )
        return values.numpy()

    def finish(self) -> bool:
        """Whether the ops hold the stream for ended."""
        if self._decoder is None:
            return not self._data
        return bool(self._ops.entropy_decode_finalize(self._decoder).numpy())


class _Merged:
    """The tables of a stream, one after the other."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[tuple[Tables, int]] = []

    def add(self, tables: Tables) -> np.int32:
        """What to add to indices into these tables."""
        for known, first in self._first:
            if known is tables:
                return np.int32(first)
        self._first.append((tables, self.count))
        self.count += len(tables)
        return np.int32(self._first[-1][1])

    def lookup(self) -> np.ndarray:
        """The ops' form: before each row its precision, negative as it escapes."""
        everything = [np.zeros(0, np.int32)]
        for tables, _ in self._first:
            everything.append(np.insert(tables.cdf, tables.start, -PRECISION))
        return np.concatenate(everything).astype(np.int32)


def _ops() -> Any:
    try:
        import tensorflow_compression_ops as ops
    except ImportError:
        try:
            import tensorflow_compression as ops
        except ImportError as error:
            raise ImportError(
                "engine tfc needs TensorFlow Compression: pip install 'hcfss-jax[tfc]' "
                "(Python 3.9 to 3.12), or use engine jax, which writes the same bytes"
            ) from error
    return ops
