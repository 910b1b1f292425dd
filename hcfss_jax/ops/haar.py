"""The two-dimensional Haar transform of each channel: orthonormal, and its own cells of 2x2 positions alone.

Of a cell [a b; c d] the subbands are

    LL = (a + b + c + d) / 2     LH = (a + b - c - d) / 2, what rows differ by
    HL = (a - b + c - d) / 2     HH = (a - b - c + d) / 2; HL is what columns differ by
"""

import jax
import jax.numpy as jnp


def haar(x: jax.Array) -> jax.Array:
    """`[B, H, W, C]` to `[B, H / 2, W / 2, 4 C]`, channels [LL | LH | HL | HH]; H and W are even."""
    upper, lower = x[:, 0::2], x[:, 1::2]
    bands = []
    for rows in (upper + lower, upper - lower):
        left, right = rows[:, :, 0::2], rows[:, :, 1::2]
        bands.append((left + right, left - right))
    (ll, hl), (lh, hh) = bands
    return jnp.concatenate([ll, lh, hl, hh], axis=-1) / 2


def inverse_haar(bands: jax.Array) -> jax.Array:
    """The inverse of `haar`."""
    ll, lh, hl, hh = jnp.split(bands / 2, 4, axis=-1)
    upper, lower = (
        interleaved(low + high, low - high, axis=2)
        for low, high in ((ll + lh, hl + hh), (ll - lh, hl - hh))
    )
    return interleaved(upper, lower, axis=1)


def interleaved(even: jax.Array, odd: jax.Array, axis: int) -> jax.Array:
    """Positions of two maps in turn along an axis."""
    shape = list(even.shape)
    shape[axis] *= 2
    return jnp.stack([even, odd], axis=axis + 1).reshape(shape)
