"""The lines of a map, moved along themselves: what turns columns into diagonals."""

import jax
import jax.numpy as jnp
from jax import lax


def move_lines(x: jax.Array, shift: int) -> jax.Array:
    """x `[..., P, C]` with every line moved by `shift` places along P; zeros enter."""
    if shift == 0:
        return x
    padding = [(0, 0, 0)] * x.ndim
    padding[-2] = (shift, -shift, 0)
    return lax.pad(x, jnp.zeros((), x.dtype), padding)
