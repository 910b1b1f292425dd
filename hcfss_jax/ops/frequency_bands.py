"""A picture as the DCT coefficients of its cells, in bands of frequencies: an orthonormal basis, and complete."""

import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.ops.dct import inverse_windowed_dct, windowed_dct

COLOURS = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]], np.float32) / np.sqrt(
    np.array([[3], [2], [6]], np.float32)
)
"""Brightness and two differences, orthonormal; `[component, rgb]`."""


def band_channels(borders: Sequence[int], colours: int = 3) -> tuple[int, ...]:
    """Channels of each band: those (u, v) whose larger one lies below its border, and not below the one before."""
    squares = (0, *(border**2 for border in borders))
    return tuple(colours * (b - a) for a, b in itertools.pairwise(squares))


def to_bands(x: jax.Array, borders: Sequence[int]) -> jax.Array:
    """`[B, H, W, 3]` to `[B, H / n, W / n, 3 n n]`, low frequencies first, for cells of n pixels a side.

    borders: of the bands, rising, the last of them n. A band is an L of the square of frequencies, and comes as its
    lower rows whole, then the ends of the rows above.
    """
    size = borders[-1]
    batch, height, width, colours = x.shape
    x = jnp.matmul(x.astype(jnp.float32), COLOURS.T, precision="highest")
    cells = x.reshape(batch, height // size, size, width // size, size, colours)
    square = windowed_dct(cells.transpose(0, 1, 3, 2, 4, 5))
    shape = (batch, height // size, width // size, -1)
    parts, inner = [], 0
    for border in borders:
        parts.append(square[..., inner:border, :border, :].reshape(shape))
        parts.append(square[..., :inner, inner:border, :].reshape(shape))
        inner = border
    return jnp.concatenate(parts, axis=-1)


def from_bands(y: jax.Array, borders: Sequence[int]) -> jax.Array:
    """The inverse of `to_bands`."""
    size = borders[-1]
    colours = y.shape[-1] // size**2
    batch, rows, columns, _ = y.shape
    square = jnp.zeros((batch, rows, columns, 0, 0, colours), y.dtype)
    start, inner = 0, 0
    for border in borders:
        thick, middle = border - inner, start + (border - inner) * border * colours
        below = y[..., start:middle].reshape(batch, rows, columns, thick, border, colours)
        start = middle + inner * thick * colours
        beside = y[..., middle:start].reshape(batch, rows, columns, inner, thick, colours)
        square = jnp.concatenate([jnp.concatenate([square, beside], axis=-2), below], axis=-3)
        inner = border
    cells = inverse_windowed_dct(square).transpose(0, 1, 3, 2, 4, 5)
    x = cells.reshape(batch, rows * size, columns * size, colours)
    return jnp.matmul(x, COLOURS, precision="highest")
