"""Integers coded as decisions, for distributions that no table of one index serves, such as mixtures.

A symbol is told by answers to questions, each of which says on which of two sides it lies: is it 0? is it negative? is
its magnitude 1? if not, is it below 4, below 8 and so on? and then by halves of what is left: Elias's gamma code, with
probabilities. Whatever the distribution is, an answer is the throw of a coin whose bias is a ratio of two masses. So
tables are those of a few coins, and machines have to agree on one number an answer, which of them it is
(`entropy.shifted_index`): not on the 27 parameters of nine components, whose shifts would cost twenty times as much.

Coins lie in equal steps of the angle of (sqrt p, sqrt(1 - p)), in which an error costs the same everywhere (Fisher's
metric): 32 steps lose 0.1 % of the bits, and more of them would lie closer together, where machines differ. Answers
that are all but certain take hardly a bit, and no place near a step.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.coding import Tables, tables_from_pmfs
from hcfss_jax.coding.tables import TOTAL
from hcfss_jax.entropy.distributions import Distribution
from hcfss_jax.entropy.gaussian import LEAST_LIKELIHOOD
from hcfss_jax.entropy.shifted_index import Grid
from hcfss_jax.errors import CorruptSection

COINS = Grid(0, 32)
FAIR = COINS.highest // 2
"""The coin of equal sides."""
_FARTHEST = (
    1 << 24
)  # magnitudes beyond those of any symbol, and the last that float32 counts one by one

NEAR, FAR = 0, 1
"""What is thrown."""


class Question(NamedTuple):
    """Whether each of k symbols is near or far. near, far: float32 `[k, 2]`, intervals of integers; what lies in both
    is near. which: int `[k]`, the symbols by number.
    """

    which: np.ndarray
    near: np.ndarray
    far: np.ndarray


def decide(count: int, answers: Callable[[Question], np.ndarray]) -> np.ndarray:
    """Finds so many symbols, int32 `[count]`.

    answers: bool `[k]`, whether each is near. An encoder knows, a decoder reads them. Raises CorruptSection for answers
    that no end is to be seen of.
    """
    found = np.zeros(count, np.int32)
    if not count:
        return found
    every = np.arange(count)
    which = every[~answers(_question(every, (0, 0), (-np.inf, np.inf)))]
    if not which.size:
        return found
    sign = np.where(answers(_question(which, (-np.inf, -1), (1, np.inf))), -1, 1)
    least, most = np.ones(which.size), np.full(which.size, np.inf)
    while which.size:
        if least.max() >= _FARTHEST:
            raise CorruptSection("the stream holds a number beyond all that is coded")
        middle = np.where(np.isinf(most), 2 * least - 1, (least + np.minimum(most, _FARTHEST)) // 2)
        near, far = _signed(sign, least, middle), _signed(sign, middle + 1, most)
        is_near = answers(Question(which, near, far))
        least, most = np.where(is_near, least, middle + 1), np.where(is_near, middle, most)
        known = least == most
        found[which[known]] = (sign * least)[known]
        which, sign, least, most = (x[~known] for x in (which, sign, least, most))
    return found


def _question(which: np.ndarray, near: tuple[float, float], far: tuple[float, float]) -> Question:
    """The same of all."""
    shape = (which.size, 2)
    return Question(
        which,
        np.broadcast_to(np.asarray(near, np.float32), shape),
        np.broadcast_to(np.asarray(far, np.float32), shape),
    )


def _signed(sign: np.ndarray, least: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Intervals of magnitudes as intervals of numbers."""
    ends = np.stack([sign * least, sign * most], -1)
    return np.sort(ends, axis=-1).astype(np.float32)


def position(given: Distribution, near: jax.Array, far: jax.Array) -> jax.Array:
    """Where the coin of an answer lies among `COINS`, continuous, float32 `[...]`; at the highest all is near.

    given: of symbols `[...]`. near, far: `[..., 2]`, as in a `Question`.
    """
    inside = given.mass(near[..., 0], near[..., 1])
    below = given.mass(far[..., 0], jnp.minimum(far[..., 1], near[..., 0] - 1))
    above = given.mass(jnp.maximum(far[..., 0], near[..., 1] + 1), far[..., 1])
    # Of two sides that hold nothing either is as good.
    near_side, far_side = inside + LEAST_LIKELIHOOD, below + above + LEAST_LIKELIHOOD
    angle = jnp.arctan2(jnp.sqrt(near_side), jnp.sqrt(far_side))
    found = jnp.nan_to_num(angle * (2 * COINS.highest / jnp.pi), nan=FAIR)
    return jnp.clip(found, COINS.lowest, COINS.highest)


def nearest_coin(share: float) -> int:
    """The coin for what is near in so many of all cases."""
    return round(math.asin(math.sqrt(share)) * 2 * COINS.highest / math.pi)


def coin_tables() -> Tables:
    """A table of two sides, `NEAR` and `FAR`, for each coin; no throw escapes, though the format has room for it."""
    angle = np.arange(COINS.highest + 1) * np.pi / (2 * COINS.highest)
    near = np.sin(angle) ** 2
    # The outermost coins serve all angles up to half a step: p as that of half of it.
    near[0] = np.sin(angle[1] / 4) ** 2
    near[-1] = 1 - near[0]
    some = (TOTAL - 1) / TOTAL  # the rest is the escape's
    return tables_from_pmfs([some * np.array([p, 1 - p]) for p in near], np.zeros(near.size, int))
