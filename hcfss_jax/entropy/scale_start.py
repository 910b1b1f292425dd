"""How a net that gives scale and mean starts."""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike


def scales_of_1(
    key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
) -> jax.Array:
    """The bias of (scale | mean): scales start at 1, where the bound below has no part in them. Our choice."""
    return jnp.where(jnp.arange(shape[0]) < shape[0] // 2, 1.0, 0.0).astype(dtype)
