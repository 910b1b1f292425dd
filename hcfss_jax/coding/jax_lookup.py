"""Tables as the decoder's loop reads them: arrays on the CPU, with hints where a search begins."""

from typing import NamedTuple
from weakref import WeakKeyDictionary

import jax
import numpy as np

from hcfss_jax.coding.interval import on_cpu, padded
from hcfss_jax.coding.tables import TOTAL, Tables

HINTS = 256
"""Entries of a row's table of hints; a power of two."""

ESCAPE = -(2**31)
"""What `Lookup.symbol` holds for escapes; no table reaches this far."""

_SMALLEST_BUCKET = 1 << 16
"""So large that the tables of y and those of z make lookups of one shape, and the loop is compiled once for both."""


class Lookup(NamedTuple):
    """`Tables` as the loop reads them, padded to buckets, on the CPU.

    After the rows of the tables comes the coin: the integers 0 and 1, each in half of all cases,
    by which the bits after an escape are coded.

    cdf: uint32 `[entries]`. symbol: int32 `[entries]`, the integer of each entry, or ESCAPE.
    hint: uint32 `[hints]`, HINTS for each row, where in `cdf` the search begins. below, above: uint32
    `[rows]`, what an escaped distance is subtracted from or added to. coin: uint32, its row.
    """

    cdf: jax.Array
    symbol: jax.Array
    hint: jax.Array
    below: jax.Array
    above: jax.Array
    coin: jax.Array


_lookups: WeakKeyDictionary[Tables, Lookup] = WeakKeyDictionary()


def lookup_of(tables: Tables) -> Lookup:
    """The lookup of some tables, made once and kept as long as they live."""
    if tables not in _lookups:
        _lookups[tables] = _make(tables)
    return _lookups[tables]


def _make(tables: Tables) -> Lookup:
    cdf = np.append(tables.cdf, (0, TOTAL // 2, TOTAL))  # the coin
    offset, length = np.append(tables.offset, 0), np.append(tables.length, 2)
    start = np.append(tables.start, tables.cdf.size)
    row = np.repeat(np.arange(length.size), length + 1)
    symbol = offset[row] + np.arange(cdf.size) - start[row]
    symbol[tables.start + tables.length - 1] = ESCAPE
    # Rows one above the other rise throughout, so that one search serves all of them.
    levels = np.arange(length.size)[:, None] * (TOTAL + 1) + np.arange(HINTS) * (TOTAL // HINTS)
    hint = np.searchsorted(cdf + row * (TOTAL + 1), levels.ravel(), side="right") - 1

    def kept(array: np.ndarray) -> jax.Array:
        return on_cpu(padded(array, _SMALLEST_BUCKET))

    return Lookup(
        kept(cdf.astype(np.uint32)),
        kept(symbol.astype(np.int32)),
        kept(hint.astype(np.uint32)),
        kept(offset.astype(np.int32).view(np.uint32)),
        kept((offset + length - 2).astype(np.int32).view(np.uint32)),
        on_cpu(np.uint32(length.size - 1)),
    )
