"""How a symbol meets its table: inside it directly, outside by the escape and an Elias gamma code.

The code is that of TensorFlow Compression's `entropy_encode_index` with a negative precision: the
distance from the table, a positive integer of b bits, follows the escape as b - 1 zeros, its b bits
from the highest, and a sign (1: below the table), each at one bit.
"""

from typing import NamedTuple

import numpy as np

from hcfss_jax.coding.tables import PRECISION, Tables

MOST_GAMMA_BITS = 32
"""No int32 is further than 32 bits from a table; a decoder that reads more reads garbage."""


class Split(NamedTuple):
    """Symbols as the tables see them.

    entry: int32 `[n]`, where the symbol (or its row's escape) lies in `Tables.cdf`.
    escaped: int64 `[e]`, positions of those outside. distance: int64 `[e]`, how far, at least 1.
    below: bool `[e]`, on which side.
    """

    entry: np.ndarray
    escaped: np.ndarray
    distance: np.ndarray
    below: np.ndarray


def split(symbols: np.ndarray, indices: np.ndarray, tables: Tables) -> Split:
    """Look up int32 symbols `[n]`, each in the table that its index names."""
    row = indices.astype(np.intp)  # numpy gathers by no other type without a copy
    # Below the table wraps around to a huge unsigned number: one comparison finds both sides.
    value = (symbols - tables.offset.take(row)).view(np.uint32)
    last = (tables.length - 1).view(np.uint32).take(row)
    escaped = np.flatnonzero(value >= last)
    entry = tables.start.take(row) + np.minimum(value, last).view(np.int32)

    where = row[escaped]
    distance = symbols[escaped].astype(np.int64) - tables.offset[where]
    below = distance < 0
    distance = np.where(below, -distance, distance - (tables.length[where] - 1) + 1)
    return Split(entry, escaped, distance, below)


def gamma_bits(distance: np.ndarray, below: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bits that follow each escape.

    Returns the bits of all, uint32 `[sum(count)]`, and how many each has, int64 `[e]`.
    """
    width = bit_length(distance)
    count = 2 * width
    owner = np.repeat(np.arange(distance.size), count)
    place = np.arange(owner.size) - np.repeat(np.cumsum(count) - count, count)
    # Places 0 .. 2 * width - 2 are the distance itself, written in 2 * width - 1 bits.
    shift = 2 * width[owner] - 2 - place
    bits = np.where(shift < 0, below[owner], distance[owner] >> np.clip(shift, 0, 62) & 1)
    return bits.astype(np.uint32), count


def bit_length(positive: np.ndarray) -> np.ndarray:
    """Bits of integers in [1, 2**53), int64: exact, as these are exact in float64."""
    return np.frexp(positive.astype(np.float64))[1].astype(np.int64)


def symbol_bits(symbols: np.ndarray, indices: np.ndarray, tables: Tables) -> np.ndarray:
    """What an ideal coder would spend on each symbol, in bits, float64 `[n]`; escapes included."""
    symbols, indices = np.asarray(symbols, np.int32), np.asarray(indices, np.int32)
    entry, escaped, distance, _ = split(symbols, indices, tables)
    frequency = tables.cdf[entry + 1] - tables.cdf[entry]
    bits = PRECISION - np.log2(frequency.astype(np.float64))
    bits[escaped] += 2 * bit_length(distance)
    return bits
