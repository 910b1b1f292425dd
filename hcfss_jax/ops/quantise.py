"""Quantisation as training sees it: rounding with a straight-through gradient, and uniform noise in its stead."""

import jax
import jax.numpy as jnp


def round_straight_through(x: jax.Array) -> jax.Array:
    """round(x) to the nearest integer, with the gradient of x (Theis et al. 2017)."""
    return x + jax.lax.stop_gradient(jnp.round(x) - x)


def add_uniform_noise(keys: jax.Array, x: jax.Array) -> jax.Array:
    """x + U(-1/2, 1/2), the differentiable stand-in for rounding of Ballé et al. 2017 (section 3).

    keys: `[B]`; the noise of x[i] is drawn from keys[i] alone. x: `[B, ...]`.
    """

    def noise(key: jax.Array) -> jax.Array:
        return jax.random.uniform(key, x.shape[1:], x.dtype, -0.5, 0.5)

    return x + jax.vmap(noise)(keys)
