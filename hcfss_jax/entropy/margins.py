"""How much room an encoder leaves around the steps of the table index, from what was measured of other machines."""

from collections.abc import Mapping
from typing import Any

import numpy as np

SAFETY = 8
"""A margin is so many times the largest difference that was measured."""

UNMEASURED = 1e-3
"""The margin of weights that `eval.noise` has not seen: ten times what a small model shows. In steps of the table."""

LARGEST = 0.02
"""Beyond it hardly a shift would be found."""


def noise_record(largest: Mapping[float, list[float]]) -> dict[str, Any]:
    """What weights keep under "noise": the largest |delta p| of each step, by quality."""
    qualities = sorted(largest)
    return {"qualities": qualities, "largest": [largest[quality] for quality in qualities]}


def margins(record: Mapping[str, Any] | None, quality: float, steps: int) -> list[float]:
    """The margin of each coding step at a quality, between the nearest that were measured."""
    if record is None:
        return [UNMEASURED] * steps
    columns = np.asarray(record["largest"], float).T
    found = [SAFETY * float(np.interp(quality, record["qualities"], c)) for c in columns]
    return [min(margin, LARGEST) for margin in found]
