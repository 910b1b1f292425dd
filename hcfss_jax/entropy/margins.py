"""How much room an encoder leaves for other machines' floats, from what was measured of them: around the steps of the
table index, and for exact pixels."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hcfss_jax.entropy.plan import Plan

SAFETY = 8
"""A margin is so many times the largest difference that was measured."""

UNMEASURED = 1e-3
"""The margin of weights that `eval.noise` has not seen: ten times what a small model shows. In steps of the table."""

LEAST = 1e-4
"""Where settings of one machine show no difference, another machine will."""

LARGEST = 0.02
"""Beyond it hardly a shift would be found."""

UNMEASURED_PIXELS = 6e-5
"""The noise of pixels of weights without a record of it: three times what a small model shows. In levels of 8 bits."""

LEAST_PIXEL_NOISE = 4e-6
"""A quarter of the spacing of float32 at half of all light: less is no noise."""


def noise_record(
    largest: Mapping[float, list[float]], pixels: Mapping[float, tuple[float, float]]
) -> dict[str, Any]:
    """What weights keep under "noise", by quality: the largest |delta p| of each shifted step; and of the values of
    pixels, in levels of 8 bits, the mean of the picture where it is largest, and the largest of all.
    """
    qualities = sorted(largest)
    mean, most = zip(*(pixels[quality] for quality in qualities), strict=True)
    return {
        "qualities": qualities,
        "largest": [largest[quality] for quality in qualities],
        "pixels": {"mean": list(mean), "largest": list(most)},
    }


def pixel_noise(record: Mapping[str, Any] | None, quality: float) -> float:
    """How far other machines' pixels lie off on average, in levels of 8 bits, at a quality.

    Raises KeyError, TypeError or ValueError for what is no record.
    """
    if record is None or "pixels" not in record:
        return UNMEASURED_PIXELS
    found = float(np.interp(quality, record["qualities"], record["pixels"]["mean"]))
    if not 0 <= found < 1:
        raise ValueError(f"pixels are said to lie {found} levels off")
    return found


def margins(record: Mapping[str, Any] | None, quality: float, plan: Plan) -> list[float]:
    """The margin of each coding step at a quality, between the nearest that were measured; 0 where nothing is shifted.

    Raises KeyError, TypeError or ValueError for what is no record of so many shifted steps.
    """
    shifted = [step.distribution.grid is not None for step in plan]
    found = iter(_measured(record, quality, sum(shifted)))
    return [next(found) if moves else 0.0 for moves in shifted]


def _measured(record: Mapping[str, Any] | None, quality: float, steps: int) -> list[float]:
    if record is None:
        return [UNMEASURED] * steps
    columns = np.asarray(record["largest"], float).T
    if columns.shape != (steps, len(record["qualities"])):
        raise ValueError(f"{columns.shape[0]} steps on record, and the model has {steps}")
    found = [SAFETY * float(np.interp(quality, record["qualities"], c)) for c in columns]
    return [min(max(margin, LEAST), LARGEST) for margin in found]
