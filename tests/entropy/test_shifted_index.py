"""Machines whose floats differ by less than the margin agree on every table."""

import numpy as np
import pytest

from hcfss_jax.coding import RangeDecoder, encode
from hcfss_jax.entropy import Factorised, Gaussian, Step, in_slices
from hcfss_jax.entropy.margins import LARGEST, UNMEASURED, margins, noise_record
from hcfss_jax.entropy.shifted_index import (
    BLOCK,
    SHIFTS,
    best_table,
    block_count,
    choose_shifts,
    shift_tables,
    shifted_index,
)

MARGIN = 6e-4
GRID = Gaussian.grid


def drawn(count: int, seed: int = 0) -> np.ndarray:
    """Positions as a model makes them: many at the lower end, some clipped."""
    rng = np.random.default_rng(seed)
    return np.clip(rng.normal(8, 8, count), 0, 63).astype(np.float32)


@pytest.mark.parametrize("count", [1, BLOCK - 1, BLOCK, 10 * BLOCK + 7])
def test_any_difference_within_the_margin_leaves_every_index(count):
    positions = drawn(count)
    shifts = choose_shifts(positions, MARGIN, GRID)
    assert shifts.shape == (block_count(count),) and shifts.dtype == np.int32
    found = shifted_index(positions, shifts, GRID)
    for direction in (-1, 1, np.random.default_rng(1).uniform(-1, 1, count)):
        elsewhere = np.clip(positions + 0.98 * MARGIN * direction, 0, 63).astype(np.float32)
        np.testing.assert_array_equal(shifted_index(elsewhere, shifts, GRID), found)


def test_a_block_too_crowded_for_the_margin_keeps_as_much_of_it_as_it_can():
    """Of 4096 symbols without a clipped one, eight lie within 1e-3 of a step whatever the shift; some, very close."""
    rng = np.random.default_rng(0)
    positions = rng.uniform(2, 60, 40 * BLOCK).astype(np.float32)
    shifts = choose_shifts(positions, 2e-3, GRID)
    found = shifted_index(positions, shifts, GRID)
    for direction in (-1, 1):
        elsewhere = positions + np.float32(direction * 0.98 * 2.5e-4)
        np.testing.assert_array_equal(shifted_index(elsewhere, shifts, GRID), found)


def test_plain_rounding_does_not():
    positions = drawn(10 * BLOCK)
    plain = np.zeros(10, np.int32)
    elsewhere = positions + np.float32(0.98 * MARGIN)
    assert (
        np.sum(shifted_index(elsewhere, plain, GRID) != shifted_index(positions, plain, GRID)) > 10
    )


def test_shifts_are_small_and_the_least_that_will_do():
    positions = np.full(3 * BLOCK, 7.2, np.float32)
    positions[BLOCK + 5] = 7.5
    # 1/2048 is 4.9e-4 and too little; two steps are enough.
    assert SHIFTS[choose_shifts(positions, MARGIN, GRID)].tolist() == [0, 2 / 2048, 0]
    assert np.abs(SHIFTS[choose_shifts(drawn(20 * BLOCK), MARGIN, GRID)]).mean() < 0.05


def test_the_index_is_the_nearest_table_but_for_the_shift_and_never_one_that_is_not_there():
    positions = np.linspace(0, 63, 1000, dtype=np.float32)
    for number in (0, 1, 2, SHIFTS.size - 2, SHIFTS.size - 1):
        index = shifted_index(positions, np.array([number]), GRID)
        assert index.min() >= GRID.lowest and index.max() <= 63
        away = np.abs(index - positions)[positions > GRID.lowest]
        assert away.max() <= 0.5 + abs(SHIFTS[number]) + 1e-5


def test_where_no_shift_keeps_the_margin_the_best_is_taken():
    """A block that has a symbol everywhere."""
    positions = np.linspace(5, 9, BLOCK, dtype=np.float32)
    shifts = choose_shifts(positions, 0.01, GRID)
    assert 0 <= shifts[0] < SHIFTS.size


@pytest.mark.parametrize("mean", [0, 0.3, 2, 40, 500])
def test_shifts_pass_through_the_coder_in_the_table_that_suits_them(mean):
    tables = shift_tables()
    shifts = np.minimum(np.random.default_rng(0).geometric(1 / (1 + mean), 100) - 1, 1840)
    lengths = []
    for table in range(len(tables) - 1):
        rows = np.full(100, 1 + table, np.int32)
        stream = encode([(shifts.astype(np.int32), rows, tables)])
        np.testing.assert_array_equal(RangeDecoder(stream).decode(rows, tables), shifts)
        lengths.append(len(stream))
    assert lengths[best_table(shifts, tables)] <= min(lengths) + 1


def test_the_tables_are_those_of_the_format():
    """They are a rule of every file: a change here needs a new format version."""
    tables = shift_tables()
    assert tables.length.tolist() == [11, 8, 12, 17, 28, 47, 82, 147, 267, 485, 876]
    assert np.diff(tables.row(1)).tolist() == [52428, 10486, 2097, 420, 84, 16, 4, 1]
    assert np.diff(tables.row(10))[:4].tolist() == [508, 504, 500, 496]


def test_margins_follow_what_was_measured_and_are_none_where_nothing_is_shifted():
    plan = (Step("z", 0, 1, 64, distribution=Factorised), *in_slices("y", (1, 1), 16))
    pixels = {1.0: (2e-5, 2e-4), 8.0: (1e-5, 1e-4)}
    record = noise_record({8.0: [4e-5, 8e-5], 1.0: [2e-5, 1.0]}, pixels)
    assert record["pixels"] == {"mean": [2e-5, 1e-5], "largest": [2e-4, 1e-4]}
    assert margins(record, 1, plan) == pytest.approx([0, 8 * 2e-5, LARGEST])
    assert margins(record, 4.5, plan) == pytest.approx([0, 8 * 3e-5, LARGEST])
    assert margins(record, 9, plan)[2] == pytest.approx(8 * 8e-5)
    assert margins(None, 4, plan) == [0, UNMEASURED, UNMEASURED]
    with pytest.raises(ValueError, match="2 steps on record, and the model has 1"):
        margins(record, 1, plan[:2])
