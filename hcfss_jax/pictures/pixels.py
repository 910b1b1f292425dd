"""Pixels of 8 bits to the floats that models compute with, and back."""

from typing import Any

import jax
import jax.numpy as jnp

LARGEST = 255


def to_floats(rgb: Any) -> Any:
    """uint8 to float32 in [0, 1], of NumPy or JAX."""
    return rgb.astype(jnp.float32) / LARGEST


def to_pixels(x: jax.Array) -> jax.Array:
    """Floats, whatever lies outside of [0, 1] clipped, to the nearest uint8."""
    return jnp.round(LARGEST * jnp.clip(x, 0, 1)).astype(jnp.uint8)
