"""The factorised prior: a learned density for each channel, for what has no other context (Ballé et al. 2018, 6.1)."""

import itertools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from hcfss_jax.entropy.gaussian import LEAST_LIKELIHOOD
from hcfss_jax.ops import lower_bound

INITIAL_SCALE = 10.0
TAIL_MASS = 2.0**-14  # of each side of a table; beyond it symbols escape
WIDEST_TABLE = 1024  # integers to each side of 0


def _uniform_about_zero(key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike) -> jax.Array:
    return jax.random.uniform(key, shape, dtype, -0.5, 0.5)


def _about_zero(_: jax.Array, shape: tuple[int, ...], dtype: DTypeLike) -> jax.Array:
    """Quantiles of the initial density: -10, 0 and 10 in every channel."""
    return jnp.broadcast_to(jnp.array([-INITIAL_SCALE, 0.0, INITIAL_SCALE], dtype), shape)


class FactorisedPrior(nn.Module):
    """A monotone network from a value to the logit of its cumulative probability, one for each channel.

    What is coded are integers: z, or with `medians` z minus a number of its channel. That number is the second of three
    "quantiles", which CompressAI learns by a loss of their own; here they only serve weights that come from there, and
    in training z adapts to rounding at 0 instead.
    """

    channels: int
    filters: tuple[int, ...] = (3, 3, 3)
    """Widths of the network's hidden layers."""
    medians: bool = False

    def setup(self) -> None:
        widths = (1, *self.filters, 1)
        scale = INITIAL_SCALE ** (1 / (len(self.filters) + 1))
        for i, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            slope = float(np.log(np.expm1(1 / scale / outputs)))
            self._learn(f"h{i}", nn.initializers.constant(slope), outputs, inputs)
            self._learn(f"b{i}", _uniform_about_zero, outputs, 1)
            if i < len(self.filters):
                self._learn(f"a{i}", nn.initializers.zeros, outputs, 1)
        if self.medians:
            self._learn("quantiles", _about_zero, 3)

    def _learn(self, name: str, start: Callable[..., jax.Array], *shape: int) -> None:
        """An attribute that is a parameter `[channels, *shape]`."""
        setattr(self, name, self.param(name, start, (self.channels, *shape), jnp.float32))

    def centre(self, z: jax.Array) -> jax.Array:
        """z `[..., channels]` to what is rounded and coded."""
        return z - self._median(z.ndim)

    def restore(self, q: jax.Array) -> jax.Array:
        """The inverse."""
        return q + self._median(q.ndim)

    def _median(self, axes: int) -> jax.Array | float:
        """Of each channel, the last of so many axes."""
        if not self.medians:
            return 0.0
        return jax.lax.stop_gradient(self.quantiles[:, 1]).reshape(*(1,) * (axes - 1), -1)

    def logits(self, z: jax.Array) -> jax.Array:
        """Logit of P(Z <= z) for z `[..., channels]`."""
        x = jnp.moveaxis(z, -1, 0).reshape(self.channels, 1, -1)
        for i in range(len(self.filters) + 1):
            slope = nn.softplus(getattr(self, f"h{i}"))
            x = jnp.einsum("coi,cin->con", slope, x, precision="highest") + getattr(self, f"b{i}")
            if i < len(self.filters):
                x = x + jnp.tanh(getattr(self, f"a{i}")) * jnp.tanh(x)
        return jnp.moveaxis(x.reshape(self.channels, *z.shape[:-1]), 0, -1)

    def likelihood(self, z: jax.Array) -> jax.Array:
        """P(z - 1/2 < Z < z + 1/2) for z `[..., channels]`."""
        lower, upper = self.logits(z - 0.5), self.logits(z + 0.5)
        sign = -jnp.sign(lower + upper)  # both ends in the lower tail, as in `gaussian_bits`
        return jnp.abs(nn.sigmoid(sign * upper) - nn.sigmoid(sign * lower))

    def bits(self, q: jax.Array) -> jax.Array:
        """Bits of what is coded of z, elementwise."""
        return -jnp.log2(lower_bound(self.likelihood(self.restore(q)), LEAST_LIKELIHOOD))

    def pmfs(self) -> tuple[jax.Array, jax.Array]:
        """Probabilities of all integers of the widest table, and logits at their upper ends, `[integers, channels]`."""
        integers = jnp.arange(-WIDEST_TABLE, WIDEST_TABLE + 1, dtype=jnp.float32)
        grid = self.restore(jnp.broadcast_to(integers[:, None], (integers.size, self.channels)))
        return self.likelihood(grid), self.logits(grid + 0.5)


def cut_tails(pmf: np.ndarray, logits: np.ndarray) -> tuple[list[np.ndarray], list[int]]:
    """The middle of each channel's distribution, as the coder's table builder takes it.

    Args:
      pmf, logits: what `FactorisedPrior.pmfs` returns.

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
