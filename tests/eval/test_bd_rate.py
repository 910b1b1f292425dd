"""BD-rate agrees with cases that can be worked out by hand, and with another implementation."""

import numpy as np
import pytest

from eval.bd_rate import bd_rate

RATES = [0.1, 0.2, 0.45, 0.9, 1.6]
QUALITIES = [27.0, 29.5, 32.1, 35.4, 38.0]


def test_a_codec_against_itself_is_at_zero_over_the_whole_span():
    result = bd_rate(RATES, QUALITIES, RATES, QUALITIES)
    assert result.percent == pytest.approx(0.0, abs=1e-12)
    assert (result.low, result.high, result.overlap) == (27.0, 38.0, 1.0)


@pytest.mark.parametrize("factor", [0.5, 0.9, 2.0])
def test_the_same_qualities_at_a_multiple_of_the_rate_give_that_factor(factor):
    result = bd_rate(RATES, QUALITIES, [factor * r for r in RATES], QUALITIES)
    assert result.percent == pytest.approx(100 * (factor - 1))


def test_shifted_straight_lines_give_the_shift():
    """ln(rate) = quality / 5: one dB more at each rate saves a rate of exp(-1/5)."""
    anchor = np.array([25.0, 30.0, 35.0])
    result = bd_rate(np.exp(anchor / 5), anchor, np.exp(anchor / 5), anchor + 1)
    assert result.percent == pytest.approx(100 * np.expm1(-1 / 5))
    assert (result.low, result.high) == (26.0, 35.0)
    assert result.overlap == pytest.approx(0.9)


def test_only_the_common_interval_counts():
    """Straight lines that meet at 30 and part above it: the mean gap is half of that at 35."""
    result = bd_rate(np.exp([4.0, 6.0, 7.0]), [20, 30, 35], np.exp([6.0, 8.0]), [30, 35])
    assert result.percent == pytest.approx(100 * np.expm1(0.5))


def test_the_order_of_points_does_not_matter():
    shuffled = [2, 0, 4, 1, 3]
    other = [1.1 * r + 0.01 for r in RATES]
    assert bd_rate(RATES, QUALITIES, other, QUALITIES) == bd_rate(
        [RATES[i] for i in shuffled], [QUALITIES[i] for i in shuffled], other, QUALITIES
    )


def test_another_implementation_agrees():
    bjontegaard = pytest.importorskip("bjontegaard")
    rates, qualities = [0.08, 0.21, 0.4, 0.8, 1.4], [26.5, 30.1, 32.0, 35.2, 38.4]
    expected = bjontegaard.bd_rate(RATES, QUALITIES, rates, qualities, method="pchip")
    assert bd_rate(RATES, QUALITIES, rates, qualities).percent == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("rates", "qualities", "told"),
    [
        ([0.1], [30.0], "two points or more"),
        ([0.1, 0.2], [30.0], "two points or more"),
        ([0.1, 0.0], [30.0, 31.0], "above 0"),
        ([0.1, 0.2], [30.0, np.inf], "finite.*rates 0.1, 0.2; qualities 30, inf$"),
        ([0.1, 0.2], [30.0, 30.0], "occurs twice on one curve: 30, 30$"),
        ([0.1, 0.2], [10.0, 20.0], "no quality in common"),
    ],
)
def test_curves_that_allow_no_answer_are_refused(rates, qualities, told):
    with pytest.raises(ValueError, match=told):
        bd_rate(RATES, QUALITIES, rates, qualities)
