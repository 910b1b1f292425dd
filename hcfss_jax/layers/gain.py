"""Gains that let one set of weights serve every rate (gained VAE, Cui et al. 2021)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.layers.area import Beyond


class NoGain(nn.Module):
    """The gain of a model with one rate: 1."""

    beyond = Beyond.ANYTHING

    def __call__(self, level: jax.Array) -> jax.Array:
        """Levels `[B]` to `[1, 1, 1, 1]`."""
        return jnp.ones((1, 1, 1, 1), jnp.float32)


class RateGain(nn.Module):
    """A learned positive factor for each channel at each rate level, geometric in between.

    The first and last level start at the exponentials of `start`.
    """

    beyond = Beyond.ANYTHING

    levels: int
    channels: int
    start: tuple[float, float] = (0.0, 0.0)

    @nn.compact
    def __call__(self, level: jax.Array) -> jax.Array:
        """Levels `[B]` in [0, levels - 1], fractions allowed, to factors `[B, 1, 1, channels]`."""

        def initial(_: jax.Array) -> jax.Array:
            slope = jnp.linspace(*self.start, self.levels, dtype=jnp.float32)
            return jnp.broadcast_to(slope[:, None], (self.levels, self.channels))

        log_gain = self.param("log_gain", initial)
        numbers = jnp.arange(self.levels, dtype=jnp.float32)
        distance = jnp.abs(level.astype(jnp.float32)[:, None] - numbers[None])
        interpolated = jnp.matmul(jnp.maximum(0, 1 - distance), log_gain, precision="highest")
        return jnp.exp(interpolated)[:, None, None, :]
