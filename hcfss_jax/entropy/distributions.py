"""What a coding step says that its symbols may be: values that own rounding, bits, and rows of the coder's tables.

Whatever quantises calls these: training, evaluation, estimates, encoding and decoding cannot drift apart in them. Each
distribution has

    centred(y)         a latent to what is rounded
    value(q)           rounded, back to a latent
    guess(q)           what a latent is taken for where it was not read, given zeros in place of what was rounded
    bits(q)            of each of the centred values
    tables(learned)    the coder's integers. learned: makes the distribution of trained weights, for those that need it
    grid               the rows of its tables, where they follow from floats, so that machines have to agree on them

and, by how it is coded, either

    row(shape)         of each symbol: its row in the tables; a float where there is a `grid`, and else no array of JAX

or, if it is `decided` (`entropy.decisions`), for what no table of one index serves,

    mass(low, high)    the probability of all integers from low to high, which may be infinite
"""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import sigmoid, softplus

from hcfss_jax.coding import Tables, gaussian_tables, tables_from_pmfs
from hcfss_jax.entropy.gaussian import (
    LEAST_LIKELIHOOD,
    SCALE_LEVELS,
    SCALE_MIN,
    gaussian_bits,
    scale_position,
    scale_table,
)
from hcfss_jax.entropy.shifted_index import Grid
from hcfss_jax.ops import lower_bound

TAIL_MASS = 2.0**-14  # of each side of a table; beyond it symbols escape
WIDEST_TABLE = 1024  # integers to each side of 0


class Distribution:
    """See the module. Subclasses are frozen dataclasses of arrays, and trees to JAX."""

    grid: ClassVar[Grid | None] = None
    decided: ClassVar[bool] = False

    def centred(self, y: jax.Array) -> jax.Array:
        raise NotImplementedError

    def value(self, q: jax.Array) -> jax.Array:
        raise NotImplementedError

    def guess(self, q: jax.Array) -> jax.Array:
        return self.value(q)

    def bits(self, q: jax.Array) -> jax.Array:
        raise NotImplementedError

    def row(self, shape: tuple[int, ...]) -> Any:
        raise NotImplementedError

    def mass(self, low: Any, high: Any) -> jax.Array:
        raise NotImplementedError

    @staticmethod
    def tables(learned: "Callable[[], Distribution]") -> Tables:
        raise NotImplementedError


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Gaussian(Distribution):
    """A mean and a scale for each symbol, `[B, h, w, c]` each (Minnen et al. 2018); one table for each of 64 scales."""

    mean: jax.Array
    log_scale: jax.Array

    grid: ClassVar[Grid | None] = Grid(1, SCALE_LEVELS - 1)
    """Without the first table. Between the first two lie many symbols, and hardly a bit."""

    @classmethod
    def of(cls, mean: jax.Array, scale: jax.Array, log_scale: bool) -> "Gaussian":
        """From what nets give. log_scale: they give the logarithm of the scale, and not the scale, as in PyTorch's
        codecs."""
        return cls(mean, scale if log_scale else jnp.log(lower_bound(scale, SCALE_MIN)))

    def centred(self, y: jax.Array) -> jax.Array:
        """y less its mean."""
        return y - self.mean

    def value(self, q: jax.Array) -> jax.Array:
        """The inverse, of floats or integers."""
        return q.astype(self.mean.dtype) + self.mean

    def bits(self, q: jax.Array) -> jax.Array:
        """See `gaussian_bits`."""
        return gaussian_bits(q, self.log_scale)

    def row(self, shape: tuple[int, ...]) -> jax.Array:
        """Where each scale lies among the 64, float32 in [0, 63]."""
        return jnp.nan_to_num(scale_position(self.log_scale))

    @staticmethod
    def tables(learned: Callable[[], Distribution]) -> Tables:
        """The same ones whatever was learned."""
        return gaussian_tables(scale_table())


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Factorised(Distribution):
    """A density for each channel, for what has no other context (Ballé et al. 2018, 6.1); a table for each channel.

    A monotone network from a value to the logit of its cumulative probability. medians: `[C]`, what is rounded lies
    around them. slopes, biases, factors: of its layers, `[C, outputs, inputs]`, and `[C, outputs, 1]`.
    """

    medians: jax.Array
    slopes: tuple[jax.Array, ...]
    biases: tuple[jax.Array, ...]
    factors: tuple[jax.Array, ...]

    def centred(self, y: jax.Array) -> jax.Array:
        """z less the median of its channel."""
        return y - self._around(y)

    def value(self, q: jax.Array) -> jax.Array:
        """The inverse, of floats or integers."""
        return q.astype(self.medians.dtype) + self._around(q)

    def _around(self, z: jax.Array) -> jax.Array:
        """The medians, with as many axes as z."""
        return self.medians.reshape(*(1,) * (z.ndim - 1), -1)

    def logits(self, z: jax.Array) -> jax.Array:
        """Logit of P(Z <= z) for z `[..., C]`."""
        channels = len(self.medians)
        x = jnp.moveaxis(z, -1, 0).reshape(channels, 1, -1)
        for i, (slope, bias) in enumerate(zip(self.slopes, self.biases, strict=True)):
            x = jnp.einsum("coi,cin->con", softplus(slope), x, precision="highest") + bias
            if i < len(self.factors):
                x = x + jnp.tanh(self.factors[i]) * jnp.tanh(x)
        return jnp.moveaxis(x.reshape(channels, *z.shape[:-1]), 0, -1)

    def likelihood(self, z: jax.Array) -> jax.Array:
        """P(z - 1/2 < Z < z + 1/2) for z `[..., C]`."""
        lower, upper = self.logits(z - 0.5), self.logits(z + 0.5)
        sign = -jnp.sign(lower + upper)  # both ends in the lower tail, as in `gaussian_bits`
        return jnp.abs(sigmoid(sign * upper) - sigmoid(sign * lower))

    def bits(self, q: jax.Array) -> jax.Array:
        """-log2 of the likelihood."""
        return -jnp.log2(lower_bound(self.likelihood(self.value(q)), LEAST_LIKELIHOOD))

    def row(self, shape: tuple[int, ...]) -> np.ndarray:
        """The channel."""
        return np.broadcast_to(np.arange(shape[-1], dtype=np.int32), shape)

    def pmfs(self) -> tuple[jax.Array, jax.Array]:
        """Probabilities of all integers of the widest table, and logits at their upper ends, `[integers, C]`."""
        integers = jnp.arange(-WIDEST_TABLE, WIDEST_TABLE + 1, dtype=jnp.float32)
        grid = self.value(jnp.broadcast_to(integers[:, None], (integers.size, len(self.medians))))
        return self.likelihood(grid), self.logits(grid + 0.5)

    @staticmethod
    def tables(learned: Callable[[], Distribution]) -> Tables:
        """The middle of each channel's density."""
        density = learned()
        assert isinstance(density, Factorised)
        kept, offsets = cut_tails(*map(np.asarray, density.pmfs()))
        return tables_from_pmfs(kept, np.asarray(offsets))


def cut_tails(pmf: np.ndarray, logits: np.ndarray) -> tuple[list[np.ndarray], list[int]]:
    """The middle of each channel's distribution, as the coder's table builder takes it.

    Args:
      pmf, logits: what `Factorised.pmfs` returns.

    Returns:
      For each channel the probabilities of consecutive integers, and the first of these integers.
    """
    from scipy.special import expit  # slow to import, and only who makes tables needs it

    cumulative = expit(np.asarray(logits, np.float64))
    kept, offsets = [], []
    for p, up_to in zip(np.asarray(pmf, np.float64).T, cumulative.T, strict=True):
        first = int(np.searchsorted(up_to, TAIL_MASS))
        last = int(np.searchsorted(up_to, 1 - TAIL_MASS))
        first, last = min(first, p.size - 1), min(max(last, first), p.size - 1)
        kept.append(p[first : last + 1])
        offsets.append(first - WIDEST_TABLE)
    return kept, offsets
