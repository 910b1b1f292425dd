"""Pixels of 8 to 16 bits to the floats that models compute with, and back."""

from typing import Any

import jax
import jax.numpy as jnp

from hcfss_jax.pictures.bit_depth import dtype_of, largest


def to_floats(rgb: Any, depth: int = 8) -> Any:
    """uint8, or uint16 of so many bits, to float32 in [0, 1], of NumPy or JAX."""
    return rgb.astype(jnp.float32) / largest(depth)


def to_pixels(x: jax.Array, depth: int = 8) -> jax.Array:
    """Floats, whatever lies outside of [0, 1] clipped, to the nearest uint8, or uint16 of so many bits."""
    return jnp.round(largest(depth) * jnp.clip(x, 0, 1)).astype(dtype_of(depth))
