"""A map read anywhere, between its positions."""

import jax
import jax.numpy as jnp


def read_at(x: jax.Array, rows: jax.Array, columns: jax.Array) -> jax.Array:
    """x `[B, H, W, C]` at rows and columns `[B, h, w]`, bilinear between four positions, and 0 outside of the map.

    `read_nearby` is quicker for offsets of a position or two: it computes no index.
    """
    height, width = x.shape[1:3]
    above, left = jnp.floor(rows), jnp.floor(columns)
    flat = x.reshape(x.shape[0], height * width, -1)
    total = jnp.zeros((*rows.shape, x.shape[-1]), x.dtype)
    for row in (above, above + 1):
        for column in (left, left + 1):
            share = (1 - jnp.abs(rows - row)) * (1 - jnp.abs(columns - column))
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            place = jnp.where(inside, row * width + column, 0).astype(jnp.int32)
            found = jax.vmap(lambda map_, at: map_[at])(flat, place.reshape(len(x), -1))
            counts = jnp.where(inside, share, 0).astype(x.dtype)[..., None]
            total += counts * found.reshape(total.shape)
    return total
