"""Square windows of a map, there and back, for window attention and windowed transforms."""

import jax
import jax.numpy as jnp
import numpy as np


def pad_to_windows(x: jax.Array, size: int) -> jax.Array:
    """x `[B, H, W, C]` with its border repeated at the bottom and right up to multiples of `size`."""
    height, width = x.shape[1:3]
    if height % size == 0 and width % size == 0:
        return x
    return jnp.pad(x, ((0, 0), (0, -height % size), (0, -width % size), (0, 0)), mode="edge")


def partition(x: jax.Array, size: int) -> jax.Array:
    """`[B, H, W, C]` to windows `[B, H / size, W / size, size, size, C]`; H and W are multiples."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // size, size, width // size, size, channels)
    return x.transpose(0, 1, 3, 2, 4, 5)


def merge(windows: jax.Array) -> jax.Array:
    """The inverse of `partition`."""
    batch, down, across, size, _, channels = windows.shape
    x = windows.transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(batch, down * size, across * size, channels)


def attention_regions(height: int, width: int, size: int, shift: int) -> np.ndarray:
    """Which pixels of a padded, shifted map may attend to each other.

    Swin Transformer (Liu et al. 2021, section 3.2): rolling the map by `shift` brings pixels of opposite borders into
    one window, which must not mix. Padding is one more region.

    Returns:
      int32 `[windows, size * size]`, the region of each pixel; only equal numbers attend.
    """
    rows, columns = (_regions_of_axis(n, size, shift) for n in (height, width))
    regions = rows[:, None] * 4 + columns
    padding = (rows[:, None] == 3) | (columns == 3)
    regions = np.where(padding, -1, regions).astype(np.int32)
    down, across = regions.shape[0] // size, regions.shape[1] // size
    return regions.reshape(down, size, across, size).swapaxes(1, 2).reshape(-1, size * size)


def _regions_of_axis(length: int, size: int, shift: int) -> np.ndarray:
    """0 and 1 tell apart what the roll brought together, 3 is padding; after padding and rolling."""
    padded = length + -length % size
    region = np.zeros(padded, np.int32)
    region[:shift] = 1
    region[length:] = 3
    return np.roll(region, -shift)
