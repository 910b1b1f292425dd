"""Masks of what is of interest, drawn at random: what a model learns with that is to serve any mask.

Masks of objects want a data set that has them; a recipe of your own can cut those (`docs/extending.md`). Rectangles and
ellipses are our choice, as are their odds.
"""

import numpy as np

_ALL, _NOTHING = (
    0.25,
    0.1,
)  # the share of masks that are 1 everywhere, as where none is given, and 0
_TURNED = 0.2  # of the others, those in which the shapes are what is of no interest
_MOST = 3  # shapes in a mask
_SMALLEST = 1 / 8  # of the sides of shapes, over that of the mask


def draw_mask(size: int, rng: np.random.Generator) -> np.ndarray:
    """A union of shapes, or 1 or 0 everywhere: float32 `[size, size, 1]`, 1 for what is of interest."""
    chance = rng.random()
    if chance < _ALL + _NOTHING:
        return np.full((size, size, 1), chance < _ALL, np.float32)
    mask = np.zeros((size, size), bool)
    for _ in range(rng.integers(1, _MOST + 1)):
        mask |= _shape(size, rng)
    if rng.random() < _TURNED:
        mask = ~mask
    return mask[..., None].astype(np.float32)


def _shape(size: int, rng: np.random.Generator) -> np.ndarray:
    """A rectangle or an ellipse, bool `[size, size]`, whose centre lies inside."""
    height, width = size * rng.uniform(_SMALLEST, 1, 2)
    top, left = size * rng.random(2) - (height / 2, width / 2)
    down, across = (
        (np.arange(size) + 0.5 - start) / side * 2 - 1
        for start, side in ((top, height), (left, width))
    )
    if rng.random() < 0.5:
        return (np.abs(down)[:, None] < 1) & (np.abs(across) < 1)
    return down[:, None] ** 2 + across**2 < 1
