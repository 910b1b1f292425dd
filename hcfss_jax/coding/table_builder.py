"""Probabilities to integer tables. The one place of the coder that computes with floats.

Run it once, when weights are exported: the last bit of a logarithm may differ between machines.
"""

import heapq
import math
from collections.abc import Sequence

import numpy as np

from hcfss_jax.coding.tables import TOTAL, Tables

GAUSSIAN_TAIL_MASS = 2.0**-16
"""Mass that a Gaussian table leaves to its escape, both tails together.

By expected length 2**-12 is best where data follow the table exactly, but only 0.0007 bits a symbol
better on average over the scales 0.11 to 256. Wider tables win 0.007 bits where the data have 1.3
times the scale, 0.005 where they are Laplacian, and latents tend to have such heavier tails.
"""


def tables_from_pmfs(pmfs: Sequence[np.ndarray], offsets: Sequence[int] | np.ndarray) -> Tables:
    """Tables of the distributions `pmfs`; deterministic, and the cheapest that 16 bits can hold.

    Args:
      pmfs: for each table the probabilities of consecutive integers, float64 `[n]`, n >= 0. What
        they lack of 1 goes to the escape.
      offsets: for each table the integer of its first probability.

    Raises:
      ValueError: a probability is negative or not finite, their sum exceeds 1 (beyond rounding),
        or a table has more symbols than 16-bit frequencies allow.
    """
    if len(pmfs) != len(offsets):
        raise ValueError(f"{len(pmfs)} distributions, but {len(offsets)} offsets")
    rows = [_quantise(_with_escape(np.asarray(pmf, np.float64))) for pmf in pmfs]
    return Tables(
        cdf=np.concatenate([np.append(0, np.cumsum(row)) for row in rows] or [np.zeros(0, int)]),
        offset=np.asarray(offsets, np.int64),
        length=np.array([row.size for row in rows], np.int64),
    )


def gaussian_tables(scales: np.ndarray, tail_mass: float = GAUSSIAN_TAIL_MASS) -> Tables:
    """One table for each scale: a zero-mean Gaussian integrated over [k - 1/2, k + 1/2].

    Ballé et al. 2018, equation (5). Args: `scales`, positive `[T]`; `tail_mass`, what both tails
    outside the table may hold at most. Raises ValueError for a scale that is not positive.
    """
    from scipy.special import ndtr, ndtri  # slow to import, and only who makes tables needs it

    scales = np.asarray(scales, np.float64)
    if not (np.isfinite(scales) & (scales > 0)).all():
        raise ValueError(f"scales must be positive and finite, not {scales.tolist()}")
    reach = np.ceil(-ndtri(tail_mass / 2) * scales - 0.5).astype(int).clip(min=0)
    pmfs = []
    for scale, last in zip(scales, reach, strict=True):
        # Both ends in the lower tail, where the difference of small numbers keeps its digits.
        distance = np.abs(np.arange(-last, last + 1))
        pmfs.append(ndtr((0.5 - distance) / scale) - ndtr((-0.5 - distance) / scale))
    return tables_from_pmfs(pmfs, -reach)


def _with_escape(pmf: np.ndarray) -> np.ndarray:
    """The probabilities and, last, what is left of 1; the whole sums to 1."""
    if pmf.ndim != 1 or not np.isfinite(pmf).all() or (pmf < 0).any():
        raise ValueError(f"not a flat array of probabilities: {pmf!r}")
    mass = pmf.sum()
    if mass > 1 + 1e-3:  # what float32 probabilities may add up to
        raise ValueError(f"probabilities sum to {mass}, which is more than 1")
    whole = np.append(pmf, max(0.0, 1 - mass))
    return whole / whole.sum()


def _quantise(pmf: np.ndarray) -> np.ndarray:
    """Positive frequencies that sum to 2**16 with the least expected code length.

    One unit of frequency after the other goes where it saves most, p * log((f + 1) / f). The gains
    of a symbol fall as it grows, so greed is exact. It may start from p * (2**16 - n) - 1, below
    which no frequency of the optimum lies, and so has only about 2 n units to give.
    """
    spare = TOTAL - pmf.size
    if spare < 0:
        raise ValueError(f"{pmf.size} symbols do not fit in a table of {TOTAL}")
    frequency = np.maximum(1, np.floor(pmf * spare).astype(np.int64) - 1).tolist()
    probability = pmf.tolist()
    heap = [(-p * math.log1p(1 / frequency[i]), i) for i, p in enumerate(probability)]
    heapq.heapify(heap)
    for _ in range(TOTAL - sum(frequency)):
        i = heap[0][1]
        frequency[i] += 1
        heapq.heapreplace(heap, (-probability[i] * math.log1p(1 / frequency[i]), i))
    return np.array(frequency, np.int64)
