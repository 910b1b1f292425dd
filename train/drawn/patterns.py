"""What hangs on single pixels: dither, and checkers, stripes and dots; each painter gives an RGB image."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from train.drawn.colours import Rng, any_colour, between, contrasting
from train.drawn.screens import controls, page
from train.drawn.shapes import flat, piece


def dithered(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """The photo in few colours: ordered or error-diffused dither, or none."""
    picture = piece(rng, width, height, photo)
    how = rng.integers(6)
    if how == 0:
        return picture.convert("1").convert("RGB")
    if how == 1:
        return picture.convert("P").convert("RGB")  # the palette of the early web
    if how == 2:
        palette = picture.quantize(between(rng, 2, 17))
        return picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB")
    if how == 3:
        return picture.quantize(between(rng, 2, 33)).convert("RGB")
    pixels = np.asarray(picture if how == 4 else picture.convert("L").convert("RGB"), np.float32)
    steps = between(rng, 1, 5)
    threshold = np.tile(_BAYER, (-(-height // 8), -(-width // 8)))[:height, :width, None]
    levels = np.floor(pixels * (steps / 255.0) + threshold)
    return Image.fromarray((np.minimum(levels, steps) * (255.0 / steps)).astype(np.uint8))


def fine(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """Checkers, stripes and dots of one or two pixels: all over, or as patches on another picture."""
    if rng.random() < 0.4:
        return _pattern(rng, width, height)
    canvas = (flat, flat, controls, page)[rng.integers(4)](rng, width, height, photo)
    for _ in range(between(rng, 1, 6)):
        wide, high = (
            between(rng, 4, max(5, width * 3 // 4)),
            between(rng, 4, max(5, height * 3 // 4)),
        )
        canvas.paste(_pattern(rng, wide, high), (between(rng, -8, width), between(rng, -8, height)))
    return canvas


def _pattern(rng: Rng, width: int, height: int) -> Image.Image:
    cell = (1, 1, 1, 2, 2, 3)[rng.integers(6)]
    i, j = np.arange(height)[:, None] // cell, np.arange(width)[None] // cell
    step = between(rng, 2, 5)
    shapes: tuple[Callable[[], np.ndarray], ...] = (
        lambda: (i + j) % 2 > 0,
        lambda: (i + j) % 2 > 0,
        lambda: (i + j) % 2 > 0,
        lambda: np.broadcast_to(i % 2 > 0, (height, width)),
        lambda: np.broadcast_to(j % 2 > 0, (height, width)),
        lambda: (i + j) % step == 0,
        lambda: (i % step == 0) & (j % step == 0),
        lambda: (i % step == 0) | (j % step == 0),
        lambda: rng.random((height, width)) < 0.5,
    )
    one = any_colour(rng)
    two = contrasting(rng, one)
    if rng.random() < 0.5:
        one, two = (0, 0, 0), (255, 255, 255)
    chosen = shapes[rng.integers(len(shapes))]()[..., None]
    return Image.fromarray(np.where(chosen, np.array(one, np.uint8), np.array(two, np.uint8)))


def _bayer(order: int) -> np.ndarray:
    """The thresholds of ordered dither, float64 `[2^order, 2^order]` in (0, 1) (Bayer 1973)."""
    matrix = np.zeros((1, 1))
    for _ in range(order):
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    return (matrix + 0.5) / matrix.size


_BAYER = _bayer(3)
