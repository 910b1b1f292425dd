"""A weighted sum of Gaussians, Laplacians and logistics for each symbol, and the paper's nine of them."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
from jax.scipy.stats import norm

from hcfss_jax.coding import Tables
from hcfss_jax.entropy.decisions import COINS, coin_tables
from hcfss_jax.entropy.distributions import Distribution
from hcfss_jax.entropy.gaussian import LEAST_LIKELIHOOD, SCALE_MIN
from hcfss_jax.entropy.shifted_index import Grid
from hcfss_jax.ops import lower_bound

Kind = Literal["gaussian", "laplacian", "logistic"]

OF_EACH_KIND = 3
_KINDS: tuple[Kind, ...] = ("gaussian", "laplacian", "logistic")
NINE: tuple[Kind, ...] = tuple(kind for kind in _KINDS for _ in range(OF_EACH_KIND))
"""The components of Fu et al.'s mixture (IEEE TIP 2023, arXiv 2107.06463)."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Mixture(Distribution):
    """Weights, means and scales `[B, h, w, c, components]`; what is rounded is the latent itself, and not less a mean.

    weights sum to 1. scales: of a Gaussian its standard deviation, of the others what a distance is divided by.
    """

    weights: jax.Array
    means: jax.Array
    scales: jax.Array
    kinds: tuple[Kind, ...] = dataclasses.field(metadata={"static": True})

    grid: ClassVar[Grid | None] = COINS
    decided: ClassVar[bool] = True

    def centred(self, y: jax.Array) -> jax.Array:
        """y as it is."""
        return y

    def value(self, q: jax.Array) -> jax.Array:
        """The inverse, of floats or integers."""
        return q.astype(self.means.dtype)

    def guess(self, q: jax.Array) -> jax.Array:
        """The mean. All three kinds are symmetric: that of a component is its own."""
        return jnp.sum(self.weights * self.means, axis=-1)

    def bits(self, q: jax.Array) -> jax.Array:
        """-log2 of the mass of each integer, of noisy ones too."""
        return -jnp.log2(lower_bound(self.mass(q, q), LEAST_LIKELIHOOD))

    def mass(self, low: Any, high: Any) -> jax.Array:
        """P(low - 1/2 < Y < high + 1/2), elementwise; 0 where high < low."""
        total = jnp.zeros_like(self.means[..., 0])
        for i, kind in enumerate(self.kinds):
            mean, scale = self.means[..., i], self.scales[..., i]
            start, end = (low - 0.5 - mean) / scale, (high + 0.5 - mean) / scale
            # Both ends in the lower tail, as in `gaussian_bits`; no number is the sum of a line.
            mirrored = start + end > 0
            start, end = jnp.where(mirrored, -end, start), jnp.where(mirrored, -start, end)
            cumulative = _CUMULATIVE[kind]
            total += self.weights[..., i] * (cumulative(end) - cumulative(start))
        return jnp.maximum(total, 0)

    @staticmethod
    def tables(learned: Any) -> Tables:
        """Coins, the same whatever was learned."""
        return coin_tables()


def _laplacian(t: jax.Array) -> jax.Array:
    half = 0.5 * jnp.exp(-jnp.abs(t))
    return jnp.where(t < 0, half, 1 - half)


_CUMULATIVE: dict[Kind, Callable[[jax.Array], jax.Array]] = {
    "gaussian": norm.cdf,
    "laplacian": _laplacian,
    "logistic": jax.nn.sigmoid,
}


def nine_of(found: jax.Array) -> Mixture:
    """The mixture of a net's `[B, h, w, 30 c]`: groups of c, for each of nine logit, mean and scale; three logits.

    Weights are softmax within the three of a kind, and over the kinds by the last three; scales are absolute values
    (the authors' code), and at least 0.11 (ours, the field's least).
    """
    groups = jnp.stack(jnp.split(found, 3 * len(NINE) + OF_EACH_KIND, axis=-1), axis=-1)
    components = groups[..., : 3 * len(NINE)].reshape(*groups.shape[:-1], len(NINE), 3)
    logits, means, scales = (components[..., i] for i in range(3))
    within = jax.nn.softmax(logits.reshape(*logits.shape[:-1], -1, OF_EACH_KIND), axis=-1)
    kinds = jax.nn.softmax(groups[..., 3 * len(NINE) :], axis=-1)
    weights = (within * kinds[..., None]).reshape(logits.shape)
    return Mixture(weights, means, lower_bound(jnp.abs(scales), SCALE_MIN), NINE)


def one_gaussian(found: jax.Array) -> Mixture:
    """The mixture of one Gaussian of a net's `[B, h, w, 2 c]`, mean and scale: coded as others are."""
    mean, scale = (half[..., None] for half in jnp.split(found, 2, axis=-1))
    return Mixture(jnp.ones_like(mean), mean, lower_bound(jnp.abs(scale), SCALE_MIN), ("gaussian",))
