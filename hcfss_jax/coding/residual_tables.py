"""The tables of residuals: logistic distributions of many widths, made by integers alone, so alike on every machine.

A rule of the file format (docs/format.md, "Residual").
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from hcfss_jax.coding.tables import TOTAL, Tables

LEVELS = 80
"""Widths: eight a doubling."""

PHASES = 5
"""Where the middle lies between two symbols: -2/4 to 2/4 of a step."""

LOW_BITS = 13
"""Tables of evenly spread low bits: of 0 to LOW_BITS - 1 of them."""

FIRST_LOW = LEVELS * PHASES
"""The table of no low bits; that of b of them is FIRST_LOW + b."""

LOWEST_SPREAD, HIGHEST_DOUBLING = 8, 12
"""Of spreads, in 1/128 of a step: the least, and the power of 2 of the largest that need no low bits apart."""

LARGEST_SPREAD_BITS = 25
"""Of any spread that a gain may have made larger."""

_BITS = 62  # behind the point
_ONE = 1 << _BITS


class Row(NamedTuple):
    """How symbols are coded. table: the number. shift: low bits that are coded apart. low: the table of those."""

    table: Any
    shift: Any
    low: Any


def row_of(spread: Any, offset: Any, gain: Any, step: Any) -> Row:
    """Of arrays of NumPy or JAX, int32 of any shape.

    spread: in 1/128 of a level, below 2**23. offset: from what is expected to its nearest integer, in eighths, -4 to 3.
    gain: in 1/16, below 64. step: 2 max_error + 1.
    """
    scaled = (spread * gain >> 4) // step
    scaled = scaled + (LOWEST_SPREAD - scaled) * (scaled < LOWEST_SPREAD)
    doubling = 3 + sum(scaled >> i > 0 for i in range(4, LARGEST_SPREAD_BITS))
    shift = (doubling - HIGHEST_DOUBLING) * (doubling > HIGHEST_DOUBLING)
    scaled, doubling = scaled >> shift, doubling - shift
    level = (doubling - 3) * 8 + (scaled >> doubling - 3 & 7)
    split = shift > 0
    phase = (offset + step) // (2 * step) * (1 - split) - 2 * split
    return Row(PHASES * level + phase + 2, shift, FIRST_LOW + shift)


@cache
def residual_tables() -> Tables:
    """Row PHASES * level + phase + 2, and then those of low bits."""
    rows, offsets = [], []
    for level in range(LEVELS):
        middle = (8 + level % 8 << 1) + 1 << level // 8  # of the spreads of a level, doubled
        reach = 2 + middle // 32
        sigmoid = _sigmoid(_decay(middle), 4 * reach + 5)
        for phase in range(-2, 3):
            rows.append(_row(sigmoid, reach, phase))
            offsets.append(-reach)
    for bits in range(LOW_BITS):
        each = (TOTAL - 1) >> bits
        rows.append([*(each * np.arange((1 << bits) + 1)).tolist(), TOTAL])
        offsets.append(0)
    return Tables(
        np.concatenate([np.array(row) for row in rows]),
        np.array(offsets),
        np.array([len(row) - 1 for row in rows]),
    )


def _decay(middle: int) -> int:
    """exp(-x), 62 bits behind the point, by what the density falls in a quarter of a step; x = 88.72 / middle."""
    falls = _ONE - (_ONE * 8872 // (100 * middle) >> 10)
    for _ in range(10):
        falls = falls * falls >> _BITS
    return falls


def _sigmoid(decay: int, last: int) -> list[int]:
    """The cumulated logistic from 0 to `last` quarters of a step, 62 bits behind the point."""
    found, power = [], _ONE
    for _ in range(last + 1):
        found.append((_ONE << _BITS) // (_ONE + power))
        power = power * decay >> _BITS
    return found


def _row(sigmoid: list[int], reach: int, phase: int) -> list[int]:
    """Cumulative frequencies of -reach to reach, and the escape."""

    def below(symbol: int) -> int:
        quarters = 4 * symbol - 2 - phase
        return sigmoid[quarters] if quarters >= 0 else _ONE - sigmoid[-quarters]

    count = 2 * reach + 2
    first = below(-reach)
    rise = [below(k) - first for k in range(-reach, reach + 2)]
    return [*(i + ((TOTAL - count) * r >> _BITS) for i, r in enumerate(rise)), TOTAL]
