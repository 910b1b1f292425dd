"""Bjøntegaard's average difference in rate between two codecs (VCEG-M33), by PCHIP."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.interpolate import PchipInterpolator


@dataclasses.dataclass(frozen=True)
class BdRate:
    """percent: mean difference in rate at equal quality, negative where the test codec saves.

    low, high: the qualities (dB, say) that both curves reach, over which the mean is taken.
    overlap: that span as a fraction of the span of the narrower curve; near 0 it means little.
    """

    percent: float
    low: float
    high: float
    overlap: float


def bd_rate(
    anchor_rate: Sequence[float],
    anchor_quality: Sequence[float],
    test_rate: Sequence[float],
    test_quality: Sequence[float],
) -> BdRate:
    """The BD-rate of a test codec against an anchor.

    ln(rate) is interpolated over quality by monotone cubics (PCHIP, which does not overshoot as
    the polynomial of VCEG-M33 does) and integrated exactly. Rates in any unit above 0; points in
    any order. Raises ValueError for fewer than two points, for a quality that occurs twice, and
    for curves without a quality in common.
    """
    anchor = _log_rate_curve(anchor_rate, anchor_quality)
    test = _log_rate_curve(test_rate, test_quality)
    low = max(anchor.x[0], test.x[0])
    high = min(anchor.x[-1], test.x[-1])
    if high <= low:
        raise ValueError(
            f"no quality in common: the anchor spans {anchor.x[0]:.4g} to {anchor.x[-1]:.4g}, "
            f"the test {test.x[0]:.4g} to {test.x[-1]:.4g}; measure more points"
        )
    mean_log_ratio = (test.integrate(low, high) - anchor.integrate(low, high)) / (high - low)
    narrower = min(anchor.x[-1] - anchor.x[0], test.x[-1] - test.x[0])
    return BdRate(
        percent=100.0 * float(np.expm1(mean_log_ratio)),
        low=float(low),
        high=float(high),
        overlap=float((high - low) / narrower),
    )


def _log_rate_curve(rate: Sequence[float], quality: Sequence[float]) -> PchipInterpolator:
    """ln(rate) over quality."""
    rates, qualities = np.asarray(rate, np.float64), np.asarray(quality, np.float64)
    if rates.shape != qualities.shape or rates.ndim != 1 or rates.size < 2:
        raise ValueError(
            f"a curve needs two points or more, got {rates.size} rates and "
            f"{qualities.size} qualities"
        )
    if not (np.all(rates > 0) and np.all(np.isfinite(rates)) and np.all(np.isfinite(qualities))):
        raise ValueError(
            "rates must be above 0 and all values finite, as the PSNR of an exact picture is not: "
            f"rates {_listed(rates)}; qualities {_listed(qualities)}"
        )
    order = np.argsort(qualities)
    rates, qualities = rates[order], qualities[order]
    if np.any(np.diff(qualities) <= 0):
        raise ValueError(f"a quality occurs twice on one curve: {_listed(qualities)}")
    return PchipInterpolator(qualities, np.log(rates))


def _listed(values: np.ndarray) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
