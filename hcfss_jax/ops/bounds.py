"""A lower bound whose gradient lets what lies below climb back (Ballé et al. 2018, and TFC's `lower_bound`)."""

import functools

import jax
import jax.numpy as jnp


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def lower_bound(x: jax.Array, bound: float) -> jax.Array:
    """max(x, bound); a gradient that would raise x passes even where x lies below the bound."""
    return jnp.maximum(x, bound)


def _backward(bound: float, x: jax.Array, dy: jax.Array) -> tuple[jax.Array]:
    return (jnp.where((x >= bound) | (dy < 0), dy, 0),)


lower_bound.defvjp(lambda x, bound: (jnp.maximum(x, bound), x), _backward)
