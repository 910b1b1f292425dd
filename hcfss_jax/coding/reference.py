"""The range coder in the plainest Python: the twin that the fast engines are held to.

The same stream as TensorFlow Compression's `RangeEncoder` (after Martin 1979), written with one
unbounded integer instead of 32-bit registers and delayed carries. Slow, and meant to be read.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from hcfss_jax.coding.escapes import MOST_GAMMA_BITS
from hcfss_jax.coding.tables import PRECISION, Tables
from hcfss_jax.errors import CorruptSection

Part = tuple[np.ndarray, np.ndarray, Tables]
HALF = 1 << PRECISION - 1
COIN = [0, HALF, 2 * HALF]


class _Encoder:
    """The interval [low, low + size) of 32 + 16 * shifts bits behind the point."""

    def __init__(self) -> None:
        self.low, self.size, self.shifts = 0, 1 << 32, 0

    def narrow(self, lower: int, upper: int) -> None:
        """Keep the part [lower, upper) / 2**16 of the interval."""
        start, end = self.size * lower >> PRECISION, self.size * upper >> PRECISION
        self.low, self.size = self.low + start, end - start
        if self.size <= 1 << 16:
            self.low, self.size, self.shifts = self.low << 16, self.size << 16, self.shifts + 1

    def symbol(self, symbol: int, row: Sequence[int], offset: int) -> None:
        """Encode an integer by the cumulative frequencies `row`, the last of which escapes."""
        value, escape = symbol - offset, len(row) - 2
        if 0 <= value < escape:
            self.narrow(row[value], row[value + 1])
            return
        self.narrow(row[escape], row[escape + 1])
        distance = -value if value < 0 else value - escape + 1
        digits = f"{distance:b}"
        for bit in map(int, "0" * (len(digits) - 1) + digits + "01"[value < 0]):
            self.narrow(bit * HALF, (bit + 1) * HALF)

    def finish(self) -> bytes:
        """The bytes of a number in the interval, the one that TensorFlow Compression chooses."""
        return _end(self.low, self.size, self.shifts)


def _end(low: int, size: int, shifts: int) -> bytes:
    settled, window = divmod(low, 1 << 32)
    if window + size > 1 << 32:  # a number that ends before the window lies in the interval
        return (settled + 1).to_bytes(2 * shifts, "big").rstrip(b"\0")
    written = settled.to_bytes(2 * shifts, "big")
    if window == 0:
        return written
    for bits in (24, 16):
        rounded = (window - 1 >> bits) + 1
        if rounded << bits < window + size:
            break
    return written + rounded.to_bytes(4 - bits // 8, "big").rstrip(b"\0")


def encode(parts: Iterable[Part]) -> bytes:
    """Symbols to bytes; see `hcfss_jax.coding.encode`."""
    encoder = _Encoder()
    for symbols, indices, tables in parts:
        for symbol, index in zip(symbols.tolist(), indices.tolist(), strict=True):
            encoder.symbol(symbol, tables.row(index).tolist(), int(tables.offset[index]))
    return encoder.finish()


class Decoder:
    """Bytes to symbols; see `hcfss_jax.coding.RangeDecoder`."""

    def __init__(self, data: bytes) -> None:
        self.data, self.read = data, 4
        self.low, self.size = 0, 1 << 32
        self.value = int.from_bytes(data[:4].ljust(4, b"\0"), "big")

    def decode(self, indices: np.ndarray, tables: Tables) -> np.ndarray:
        """The next symbols of the stream, int32 `[n]`."""
        rows = [(tables.row(i).tolist(), int(tables.offset[i])) for i in range(len(tables))]
        symbols = [self._symbol(*rows[index]) for index in indices.tolist()]
        return np.array(symbols, np.int64).astype(np.int32)

    def _symbol(self, row: Sequence[int], offset: int) -> int:
        value, escape = self._pick(row), len(row) - 2
        if value < escape:
            return offset + value
        width = 1
        while self._pick(COIN) == 0:
            width += 1
            if width > MOST_GAMMA_BITS:
                raise CorruptSection(f"the stream escapes by more than {MOST_GAMMA_BITS} bits")
        distance = 1
        for _ in range(width - 1):
            distance = 2 * distance + self._pick(COIN)
        return offset + (-distance if self._pick(COIN) else distance + escape - 1)

    def _pick(self, row: Sequence[int]) -> int:
        """The symbol whose part of the interval holds the value; narrows to that part."""
        k = max(
            k
            for k in range(len(row) - 1)
            if self.size * row[k] >> PRECISION <= self.value - self.low
        )
        start, end = self.size * row[k] >> PRECISION, self.size * row[k + 1] >> PRECISION
        self.low, self.size = self.low + start, end - start
        if self.size <= 1 << 16:
            word = self.data[self.read : self.read + 2].ljust(2, b"\0")
            self.read += 2
            self.low, self.size = self.low << 16, self.size << 16
            self.value = self.value << 16 | int.from_bytes(word, "big")
        return k

    def finish(self) -> bool:
        """Whether the bytes are exactly those that `encode` writes for what was decoded."""
        return self.data == _end(self.low, self.size, (self.read - 4) // 2)
