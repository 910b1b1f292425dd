"""The factorised prior: a learned density for each channel, for what has no other context (Ballé et al. 2018, 6.1)."""

import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit

from hcfss_jax.entropy.gaussian import LEAST_LIKELIHOOD
from hcfss_jax.ops import lower_bound

FILTERS = (3, 3, 3)
INITIAL_SCALE = 10.0
TAIL_MASS = 2.0**-14  # of each side of a table; beyond it symbols escape
WIDEST_TABLE = 1024  # integers to each side of 0


def _uniform_about_zero(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    return jax.random.uniform(key, shape, minval=-0.5, maxval=0.5)


class FactorisedPrior(nn.Module):
    """A monotone network from a value to the logit of its cumulative probability, one for each channel."""

    channels: int

    def setup(self) -> None:
        widths = (1, *FILTERS, 1)
        scale = INITIAL_SCALE ** (1 / (len(FILTERS) + 1))
        for i, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            slope = float(np.log(np.expm1(1 / scale / outputs)))
            shape = (self.channels, outputs, inputs)
            setattr(self, f"h{i}", self.param(f"h{i}", nn.initializers.constant(slope), shape))
            bias_shape = (self.channels, outputs, 1)
            setattr(self, f"b{i}", self.param(f"b{i}", _uniform_about_zero, bias_shape))
            if i < len(FILTERS):
                zeros = nn.initializers.zeros
                setattr(self, f"a{i}", self.param(f"a{i}", zeros, (self.channels, outputs, 1)))

    def logits(self, z: jax.Array) -> jax.Array:
        """Logit of P(Z <= z) for z `[..., channels]`."""
        x = jnp.moveaxis(z, -1, 0).reshape(self.channels, 1, -1)
        for i in range(len(FILTERS) + 1):
            slope = nn.softplus(getattr(self, f"h{i}"))
            x = jnp.einsum("coi,cin->con", slope, x, precision="highest") + getattr(self, f"b{i}")
            if i < len(FILTERS):
                x = x + jnp.tanh(getattr(self, f"a{i}")) * jnp.tanh(x)
        return jnp.moveaxis(x.reshape(self.channels, *z.shape[:-1]), 0, -1)

    def likelihood(self, z: jax.Array) -> jax.Array:
        """P(z - 1/2 < Z < z + 1/2) for z `[..., channels]`."""
        lower, upper = self.logits(z - 0.5), self.logits(z + 0.5)
        sign = -jnp.sign(lower + upper)  # both ends in the lower tail, as in `gaussian_bits`
        return jnp.abs(nn.sigmoid(sign * upper) - nn.sigmoid(sign * lower))

    def bits(self, z: jax.Array) -> jax.Array:
        """Bits of z, elementwise."""
        return -jnp.log2(lower_bound(self.likelihood(z), LEAST_LIKELIHOOD))

    def pmfs(self) -> tuple[jax.Array, jax.Array]:
        """Probabilities of all integers of the widest table, and logits at their upper ends, `[integers, channels]`."""
        integers = jnp.arange(-WIDEST_TABLE, WIDEST_TABLE + 1, dtype=jnp.float32)
        grid = jnp.broadcast_to(integers[:, None], (integers.size, self.channels))
        return self.likelihood(grid), self.logits(grid + 0.5)


def cut_tails(pmf: np.ndarray, logits: np.ndarray) -> tuple[list[np.ndarray], list[int]]:
    """The middle of each channel's distribution, as the coder's table builder takes it.

    Args:
      pmf, logits: what `FactorisedPrior.pmfs` returns.

    Returns:
      For each channel the probabilities of consecutive integers, and the first of these integers.
    """
    cumulative = expit(np.asarray(logits, np.float64))
    kept, offsets = [], []
    for p, up_to in zip(np.asarray(pmf, np.float64).T, cumulative.T, strict=True):
        first = int(np.searchsorted(up_to, TAIL_MASS))
        last = int(np.searchsorted(up_to, 1 - TAIL_MASS))
        first, last = min(first, p.size - 1), min(max(last, first), p.size - 1)
        kept.append(p[first : last + 1])
        offsets.append(first - WIDEST_TABLE)
    return kept, offsets
