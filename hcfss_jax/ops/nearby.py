"""A map read between its positions, near by: for offsets so small that all that is read lies a step or two away."""

import jax
import jax.numpy as jnp

_STEPS = range(-1, 3)


def read_nearby(x: jax.Array, offset: jax.Array) -> jax.Array:
    """x `[B, H, W, C]` at each position plus its offset, bilinear between four, and 0 outside of the map.

    Args:
      x: the map.
      offset: `[B, H, W, 2]`, rows and columns, each in [-1, 2].

    No index is computed: what can be read are sixteen shifts of the map, and a shift counts as much as its distance to
    the offset says, max(0, 1 - distance) in rows times the same in columns.
    """
    height, width = x.shape[1:3]
    padded = jnp.pad(x, ((0, 0), (1, 2), (1, 2), (0, 0)))
    rows, columns = ([_share(offset[..., axis], step) for step in _STEPS] for axis in (0, 1))
    read = (
        (rows[i] * columns[j])[..., None] * padded[:, i : i + height, j : j + width]
        for i in range(len(_STEPS))
        for j in range(len(_STEPS))
    )
    return sum(read, start=jnp.zeros_like(x))


def _share(offset: jax.Array, step: int) -> jax.Array:
    return jnp.maximum(0, 1 - jnp.abs(offset - step))
