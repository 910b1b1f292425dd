"""Probability tables: whole, cheap, the same every time, and refused when they are none."""

import numpy as np
import pytest
from scipy.special import ndtr

from hcfss_jax.coding import Tables, gaussian_tables, symbol_bits, tables_from_pmfs

TOTAL = 1 << 16


def frequencies(tables: Tables, index: int = 0) -> np.ndarray:
    return np.diff(tables.row(index))


def test_every_frequency_is_positive_and_rows_sum_to_all():
    rng = np.random.default_rng(0)
    pmfs = [rng.dirichlet(np.full(n + 1, 0.05))[:n] for n in (0, 1, 2, 50, 3000)]
    tables = tables_from_pmfs(pmfs, [0, -1, 5, -20, -1500])
    assert tables.length.tolist() == [1, 2, 3, 51, 3001]
    assert tables.offset.tolist() == [0, -1, 5, -20, -1500]
    for index in range(len(tables)):
        assert frequencies(tables, index).min() >= 1
        assert frequencies(tables, index).sum() == TOTAL


def test_the_escape_holds_what_the_pmf_lacks():
    tables = tables_from_pmfs([np.array([0.5, 0.25])], [0])
    assert frequencies(tables).tolist() == [TOTAL // 2, TOTAL // 4, TOTAL // 4]


def test_quantised_frequencies_cost_least():
    # Against every exchange of one unit between two symbols: none may save anything.
    rng = np.random.default_rng(1)
    for concentration in (0.01, 0.1, 1.0):
        pmf = rng.dirichlet(np.full(60, concentration))
        f = frequencies(tables_from_pmfs([pmf[:-1]], [0]))
        gain = pmf * np.log1p(1 / f)
        loss = pmf * -np.log1p(-1 / np.maximum(f, 2))
        loss[f == 1] = np.inf  # a frequency of 1 cannot give
        assert gain.max() <= loss.min() + 1e-15


def test_tables_of_the_same_input_are_the_same():
    rng = np.random.default_rng(2)
    pmf = np.repeat(rng.dirichlet(np.ones(20)), 3) / 3  # full of ties
    first, second = (tables_from_pmfs([pmf], [0]) for _ in range(2))
    np.testing.assert_array_equal(first.cdf, second.cdf)


@pytest.mark.parametrize("scale", [0.11, 0.5, 2.0, 30.0, 256.0])
def test_gaussian_tables_cost_what_the_gaussian_does(scale):
    tables = gaussian_tables(np.array([scale]))
    k = np.arange(-3000, 3001, dtype=np.int32)
    pmf = ndtr((0.5 - np.abs(k)) / scale) - ndtr((-0.5 - np.abs(k)) / scale)
    likely = pmf > 0
    ideal = -(pmf[likely] * np.log2(pmf[likely])).sum()
    spent = (pmf * symbol_bits(k, np.zeros(k.size, np.int32), tables)).sum()
    # 2000 symbols of a 16-bit table: rounding and escapes cost 0.0084 bits at the widest scale.
    assert ideal <= spent <= ideal + 0.01


def test_gaussian_tables_are_symmetric_and_leave_little_to_the_escape():
    scales = np.geomspace(0.11, 256, 64)
    tables = gaussian_tables(scales)
    for index, scale in enumerate(scales):
        f, reach = frequencies(tables, index), -tables.offset[index]
        assert f.size == 2 * reach + 2
        assert np.abs(f[:-1] - f[-2::-1]).max() <= 1  # ties fall to the lower side
        assert 2 * ndtr(-(reach + 0.5) / scale) <= 2.0**-16


def test_tables_survive_a_trip_through_plain_arrays():
    tables = gaussian_tables(np.array([0.3, 4.0]))
    arrays = {name: np.array(array) for name, array in tables.to_arrays().items()}
    again = Tables.from_arrays(arrays)
    for name, array in tables.to_arrays().items():
        assert array.dtype == np.int32
        np.testing.assert_array_equal(getattr(again, name), array)
    with pytest.raises(ValueError, match="cdf, offset and length"):
        Tables.from_arrays({"cdf": arrays["cdf"]})


def test_tables_cannot_be_changed():
    tables = gaussian_tables(np.array([1.0]))
    with pytest.raises(ValueError, match="read-only"):
        tables.cdf[1] = 5


@pytest.mark.parametrize(
    ("cdf", "offset", "length", "message"),
    [
        ([0, 5, 5, TOTAL], [0], [3], "does not rise"),
        ([0, 9, 5, TOTAL], [0], [3], "does not rise"),
        ([1, 5, TOTAL], [0], [2], "from 0 to 65536"),
        ([0, 5, TOTAL - 1], [0], [2], "from 0 to 65536"),
        ([0, 5, TOTAL], [0], [3], "do not add up"),
        ([0, 5, TOTAL], [0, 0], [2], "2 offsets for 1 lengths"),
        ([0], [0], [0], "without symbols"),
        ([0, TOTAL], [1 << 21], [1], "offset exceeds"),
        ([0, 1 << 40], [0], [1], "beyond int32"),
        ([0.0, 1.0], [0], [1], "flat array of integers"),
    ],
)
def test_what_is_no_table_is_refused(cdf, offset, length, message):
    with pytest.raises(ValueError, match=message):
        Tables(np.array(cdf), np.array(offset), np.array(length))


def test_what_is_no_distribution_is_refused():
    with pytest.raises(ValueError, match="more than 1"):
        tables_from_pmfs([np.array([0.9, 0.2])], [0])
    for bad in (np.array([-0.1, 0.5]), np.array([np.nan]), np.zeros((2, 2))):
        with pytest.raises(ValueError, match="not a flat array of probabilities"):
            tables_from_pmfs([bad], [0])
    with pytest.raises(ValueError, match="do not fit"):
        tables_from_pmfs([np.zeros(TOTAL)], [0])
    with pytest.raises(ValueError, match="positive and finite"):
        gaussian_tables(np.array([1.0, 0.0]))
