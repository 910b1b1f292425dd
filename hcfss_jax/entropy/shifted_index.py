"""Table indices on which all machines agree, though their floats differ in the last digits.

The table of a symbol follows from a float, its position p among the tables: that of a predicted scale among 64, or that
of a probability among coins. Rounded plainly, p = 7.4999 here and 7.5001 there give two tables, and one wrong table
ruins the rest of the stream. So the index is floor(p + 1/2 + d), and for each block of symbols the encoder chooses the
shift d: the least for which no p + 1/2 + d of the block lies within a margin of a step of that floor. It writes which.
A decoder whose p differ by less than the margin gets the same indices; it need not know the margin, which is a matter
of the encoder alone.

docs/decode-anywhere.md has the measurements behind the constants.
"""

from typing import NamedTuple

import numpy as np

from hcfss_jax.coding.tables import TOTAL, Tables

BLOCK = 4096
"""Symbols that share a shift."""

_LEAST_MARGIN = 4e-6  # the spacing of float32 at p = 32; less is no margin


class Grid(NamedTuple):
    """The indices that there are."""

    lowest: int
    highest: int


# Shifts are multiples of 1 / _FINENESS up to 0.45; at 0.5 a neighbour's steps begin.
_FINENESS = 2048
_REACH = 920
_OUTWARDS = np.array([0, *(sign * i for i in range(1, _REACH + 1) for sign in (1, -1))])
SHIFTS = _OUTWARDS.astype(np.float32) / _FINENESS
"""The shifts d by their number, float32 `[1841]`: 0, 1/2048, -1/2048, 2/2048 and so on; exact in binary."""

# Of all that remain, the share of the next number, in each of the tables of numbers.
_SHARES = ((4, 5), (2, 3), (1, 2), (1, 3), (1, 5), (1, 9), (1, 17), (1, 33), (1, 65), (1, 129))


def choose_shifts(positions: np.ndarray, margin: float, grid: Grid) -> np.ndarray:
    """The shift of each block, by number: int32 `[ceil(n / BLOCK)]`.

    positions: `[n]` in [0, `grid.highest`]. margin: in steps of the table, less than 0.05. Where no shift keeps it, as
    may happen in a block without clipped symbols, one that keeps half of it, or a quarter, and so on.
    """
    hit = _symbols_within(positions, margin, grid)
    chosen, crowded = hit.argmin(axis=1).astype(np.int32), hit.min(axis=1) > 0
    if np.any(crowded) and margin > _LEAST_MARGIN:
        chosen[crowded] = choose_shifts(positions, margin / 2, grid)[crowded]
    return chosen


def _symbols_within(positions: np.ndarray, margin: float, grid: Grid) -> np.ndarray:
    """How many symbols of each block lie within the margin of a step at each shift: int `[blocks, shifts]`."""
    distance = _to_nearest_step(positions, grid) * _FINENESS
    block = np.arange(positions.size) // BLOCK
    near = np.abs(distance) < _REACH + margin * _FINENESS
    distance, block = distance[near], block[near]
    first, last = (np.ceil(distance - margin * _FINENESS), np.floor(distance + margin * _FINENESS))
    hit = np.zeros(block_count(positions.size) * (2 * _REACH + 1), np.int64)
    for i in range(int(2 * margin * _FINENESS) + 2):
        shift = (first + i).astype(np.int64)
        meant = (shift <= last) & (np.abs(shift) <= _REACH)
        cell = block[meant] * (2 * _REACH + 1) + shift[meant] + _REACH
        hit += np.bincount(cell, minlength=hit.size)
    return hit.reshape(-1, 2 * _REACH + 1)[:, _OUTWARDS + _REACH]


def shifted_index(positions: np.ndarray, shifts: np.ndarray, grid: Grid) -> np.ndarray:
    """The table of each symbol, int32 `[n]`.

    positions: float32 `[n]` in [0, `grid.highest`]. shifts: by number, one for each block.
    """
    shift = np.repeat(SHIFTS[shifts], BLOCK)[: positions.size]
    index = np.floor(positions + (np.float32(0.5) + shift)).astype(np.int32)
    return np.clip(index, grid.lowest, grid.highest)


def block_count(symbols: int) -> int:
    """Shifts that so many symbols take."""
    return -(-symbols // BLOCK)


def shift_tables() -> Tables:
    """The coder's tables around shifts, a rule of the file format.

    Table 0 is of the number of one of the others, all alike; those are of the shifts' numbers, of 0.25, 0.5, 1 and so
    on to 128 on average.
    """
    rows = [_shared(TOTAL // (len(_SHARES) + 1), len(_SHARES)), *map(_geometric, _SHARES)]
    return Tables(
        np.concatenate([np.cumsum([0, *row]) for row in rows]),
        np.zeros(len(rows), int),
        np.array([len(row) for row in rows]),
    )


def best_table(shifts: np.ndarray, tables: Tables) -> int:
    """The number, from 0, of the table in which these shifts take the fewest bits."""
    counts = np.bincount(shifts)
    costs = []
    for row in range(1, len(tables)):
        bits = 16 - np.log2(np.diff(tables.row(row)))
        inside = counts[: bits.size - 1]
        escaped = counts.sum() - inside.sum()
        costs.append(inside @ bits[: inside.size] + escaped * (bits[-1] + 2 * np.log2(SHIFTS.size)))
    return int(np.argmin(costs))


def _to_nearest_step(positions: np.ndarray, grid: Grid) -> np.ndarray:
    """What has to be added to p + 1/2 to reach the nearest step of the index, float64."""
    rounded = positions.astype(np.float64) + 0.5
    return np.clip(np.round(rounded), grid.lowest + 1, grid.highest) - rounded


def _geometric(share: tuple[int, int]) -> list[int]:
    """Frequencies of 0, 1, 2 and so on, each a share of what remains; the last is the escape's."""
    numerator, denominator = share
    frequencies: list[int] = []
    rest = TOTAL
    while len(frequencies) < SHIFTS.size and (next_one := rest * numerator // denominator):
        frequencies.append(next_one)
        rest -= next_one
    return [*frequencies, rest]


def _shared(each: int, count: int) -> list[int]:
    return [each] * count + [TOTAL - each * count]
