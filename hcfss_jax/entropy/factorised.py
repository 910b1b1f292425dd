"""The factorised prior: what a model learns of a latent that has no other context (Ballé et al. 2018, 6.1)."""

import itertools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from hcfss_jax.entropy.distributions import Factorised
from hcfss_jax.layers.area import Beyond

INITIAL_SCALE = 10.0


def _uniform_about_zero(key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike) -> jax.Array:
    return jax.random.uniform(key, shape, dtype, -0.5, 0.5)


def _about_zero(_: jax.Array, shape: tuple[int, ...], dtype: DTypeLike) -> jax.Array:
    """Quantiles of the initial density: -10, 0 and 10 in every channel."""
    return jnp.broadcast_to(jnp.array([-INITIAL_SCALE, 0.0, INITIAL_SCALE], dtype), shape)


class FactorisedPrior(nn.Module):
    """The parameters of a `Factorised`.

    What is coded are integers: z, or with `medians` z minus a number of its channel. That number is the second of three
    "quantiles", which CompressAI learns by a loss of their own; here they only serve weights that come from there, and
    in training z adapts to rounding at 0 instead.
    """

    beyond = Beyond.ANYTHING

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

    def __call__(self) -> Factorised:
        """The density of each channel."""
        layers = range(len(self.filters) + 1)
        return Factorised(
            self._medians(),
            tuple(getattr(self, f"h{i}") for i in layers),
            tuple(getattr(self, f"b{i}") for i in layers),
            tuple(getattr(self, f"a{i}") for i in layers[:-1]),
        )

    def _medians(self) -> jax.Array:
        if not self.medians:
            return jnp.zeros(self.channels, jnp.float32)
        return jax.lax.stop_gradient(self.quantiles[:, 1])
