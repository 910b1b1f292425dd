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


class Lookup(NamedTuple):
    """`Tables` as the loop reads them, padded to buckets, on the CPU.

    cdf: uint32 `[entries]`. symbol: int32 `[entries]`, the integer of each entry, or ESCAPE.
    hint: uint32 `[T * HINTS]`, where in `cdf` the search begins. below, above: uint32 `[T]`, what
    an escaped distance is subtracted from or added to.
    """

    cdf: jax.Array
    symbol: jax.Array
    hint: jax.Array
    below: jax.Array
    above: jax.Array


_lookups: WeakKeyDictionary[Tables, Lookup] = WeakKeyDictionary()


def lookup_of(tables: Tables) -> Lookup:
    """The lookup of some tables, made once and kept as long as they live."""
    if tables not in _lookups:
        _lookups[tables] = _make(tables)
    return _lookups[tables]


def _make(tables: Tables) -> Lookup:
    row = np.repeat(np.arange(len(tables)), tables.length + 1)
    symbol = tables.offset[row] + np.arange(tables.cdf.size) - tables.start[row]
    symbol[tables.start + tables.length - 1] = ESCAPE
    # Rows one above the other rise throughout, so that one search serves all of them.
    rising = tables.cdf + row * (TOTAL + 1)
    levels = np.arange(HINTS) * (TOTAL // HINTS)
    wanted = levels + np.arange(len(tables))[:, None] * (TOTAL + 1)
    hint = np.searchsorted(rising, wanted.ravel(), side="right") - 1
    above = tables.offset + tables.length - 2
    arrays = (
        tables.cdf.astype(np.uint32),
        symbol.astype(np.int32),
        hint.astype(np.uint32),
        tables.offset.view(np.uint32),
        above.astype(np.int32).view(np.uint32),
    )
    return Lookup(*(on_cpu(padded(array)) for array in arrays))
