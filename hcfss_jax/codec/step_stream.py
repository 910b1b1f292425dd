"""What a stream holds of one coding step: its symbols, and what a reader needs to know which tables they were coded by.

    whose tables no float decides    the symbols
    by rows of a grid                t, the shifts; the symbols
    decided                          flags of channels, where the step has them; t; and of each question in turn the
                                     shifts, and the answers

t says by which table the step's shifts are coded.
"""

from collections.abc import Iterator

import numpy as np

from hcfss_jax import coding
from hcfss_jax.codec.compiled_model import PicturePasses
from hcfss_jax.entropy.decisions import COINS, FAIR, NEAR, Question, decide, nearest_coin
from hcfss_jax.entropy.shifted_index import (
    SHIFTS,
    best_table,
    block_count,
    choose_shifts,
    shift_tables,
    shifted_index,
)
from hcfss_jax.entropy.steps import Prediction
from hcfss_jax.errors import CorruptSection

Part = tuple[np.ndarray, np.ndarray, coding.Tables]
"""Integers, the rows of their tables, and the tables."""

SHIFT_TABLES = shift_tables()
_COIN_BITS = COINS.highest.bit_length()


def parts_of(
    passes: PicturePasses,
    step: int,
    prediction: Prediction,
    symbols: np.ndarray,
    tables: coding.Tables,
    margin: float,
) -> list[Part]:
    """What a step sends, in order. symbols: int32 `[n]`. margin: for `choose_shifts`."""
    if passes.plan[step].distribution.decided:
        return _decided_parts(passes, step, prediction, symbols, tables, margin)
    rows, grid = passes.rows(step, prediction), passes.plan[step].distribution.grid
    if grid is None:
        return [(symbols, rows, tables)]
    shifts = choose_shifts(rows, margin, grid)
    table = best_table(shifts, SHIFT_TABLES)
    index = shifted_index(rows, shifts, grid)
    return [_table_part(table), _shift_part(shifts, table), (symbols, index, tables)]


def read_step(
    passes: PicturePasses,
    step: int,
    prediction: Prediction,
    decoder: coding.RangeDecoder,
    tables: coding.Tables,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The inverse: the symbols `[n]`, and all integers that were read, in order. Raises CorruptSection."""
    if passes.plan[step].distribution.decided:
        return _read_decided(passes, step, prediction, decoder, tables)
    rows, grid = passes.rows(step, prediction), passes.plan[step].distribution.grid
    if grid is None:
        symbols = decoder.decode(rows, tables)
        return symbols, [symbols]
    table = _read_table(decoder)
    shifts = _read_shifts(decoder, int(table[0]), rows.size)
    symbols = decoder.decode(shifted_index(rows, shifts, grid), tables)
    return symbols, [table, shifts, symbols]


def _decided_parts(
    passes: PicturePasses,
    step: int,
    prediction: Prediction,
    symbols: np.ndarray,
    tables: coding.Tables,
    margin: float,
) -> list[Part]:
    channels = symbols.reshape(-1, passes.plan[step].channels)
    parts, asked = [], np.ones(channels.shape, bool)
    if passes.plan[step].flagged:
        used = np.any(channels, axis=0)
        parts, asked = _flag_parts(used, tables), asked & used
    answered: list[tuple[np.ndarray, np.ndarray]] = []
    numbers = np.flatnonzero(asked)
    places, truths = passes.places(step)[numbers], symbols[numbers]

    def answers(question: Question) -> np.ndarray:
        truth, (low, high) = truths[question.which], question.near.T
        is_near = (low <= truth) & (truth <= high)
        question = question._replace(which=places[question.which])
        answered.append((passes.positions(step, prediction, question), is_near))
        return is_near

    decide(numbers.size, answers)
    if not answered:
        return parts
    shifts = [choose_shifts(positions, margin, COINS) for positions, _ in answered]
    table = best_table(np.concatenate(shifts), SHIFT_TABLES)
    parts.append(_table_part(table))
    for (positions, is_near), shift in zip(answered, shifts, strict=True):
        thrown = np.where(is_near, NEAR, 1 - NEAR).astype(np.int32)
        parts += [
            _shift_part(shift, table),
            (thrown, shifted_index(positions, shift, COINS), tables),
        ]
    return parts


def _read_decided(
    passes: PicturePasses,
    step: int,
    prediction: Prediction,
    decoder: coding.RangeDecoder,
    tables: coding.Tables,
) -> tuple[np.ndarray, list[np.ndarray]]:
    places = passes.places(step)
    asked = np.ones((places.size // passes.plan[step].channels, passes.plan[step].channels), bool)
    read: list[np.ndarray] = []
    if passes.plan[step].flagged:
        *read, used = _read_flags(decoder, asked.shape[1], tables)
        asked, read = asked & (used == NEAR), [*read, used]
    symbols, numbers = np.zeros(asked.size, np.int32), np.flatnonzero(asked)
    if not numbers.size:
        return symbols, read
    table = _read_table(decoder)
    read.append(table)

    def answers(question: Question) -> np.ndarray:
        question = question._replace(which=places[numbers[question.which]])
        positions = passes.positions(step, prediction, question)
        shifts = _read_shifts(decoder, int(table[0]), positions.size)
        thrown = _throws(decoder, shifted_index(positions, shifts, COINS), tables)
        read.extend((shifts, thrown))
        return thrown == NEAR

    symbols[numbers] = decide(numbers.size, answers)
    return symbols, read


def _flag_parts(used: np.ndarray, tables: coding.Tables) -> list[Part]:
    """Which channels hold anything, `[c]`: a coin in binary, and by it the flags."""
    coin = nearest_coin(float(np.mean(used)))
    digits = np.array([coin >> i & 1 for i in range(_COIN_BITS)], np.int32)
    flags = np.where(used, NEAR, 1 - NEAR).astype(np.int32)
    return [
        (digits, np.full(digits.size, FAIR, np.int32), tables),
        (flags, np.full(flags.size, coin, np.int32), tables),
    ]


def _read_flags(
    decoder: coding.RangeDecoder, channels: int, tables: coding.Tables
) -> Iterator[np.ndarray]:
    digits = _throws(decoder, np.full(_COIN_BITS, FAIR, np.int32), tables)
    yield digits
    coin = int(digits @ (1 << np.arange(_COIN_BITS)))
    if coin > COINS.highest:
        raise CorruptSection("the stream names a coin that does not exist")
    yield _throws(decoder, np.full(channels, coin, np.int32), tables)


def _throws(decoder: coding.RangeDecoder, coins: np.ndarray, tables: coding.Tables) -> np.ndarray:
    thrown = decoder.decode(coins, tables)
    if np.any((thrown < 0) | (thrown > 1)):
        raise CorruptSection("the stream holds a throw that is neither side of its coin")
    return thrown


def _table_part(table: int) -> Part:
    return np.array([table], np.int32), np.array([0], np.int32), SHIFT_TABLES


def _shift_part(shifts: np.ndarray, table: int) -> Part:
    return shifts, np.full(shifts.size, 1 + table, np.int32), SHIFT_TABLES


def _read_table(decoder: coding.RangeDecoder) -> np.ndarray:
    table = decoder.decode(np.array([0], np.int32), SHIFT_TABLES)
    if not 0 <= table[0] < len(SHIFT_TABLES) - 1:
        raise CorruptSection("the stream names a table of shifts that does not exist")
    return table


def _read_shifts(decoder: coding.RangeDecoder, table: int, symbols: int) -> np.ndarray:
    """Of a part of so many symbols."""
    row = np.full(block_count(symbols), 1 + table, np.int32)
    shifts = decoder.decode(row, SHIFT_TABLES)
    if np.any((shifts < 0) | (shifts >= SHIFTS.size)):
        raise CorruptSection("the stream names a shift that does not exist")
    return shifts
