"""The kinds of drawn pictures, how often each is drawn, and the drawing of one."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from train.drawn.colours import Rng
from train.drawn.patterns import dithered, fine
from train.drawn.screens import code, controls, page, screen, table
from train.drawn.shapes import flat, gradient, line_art

Painter = Callable[[Rng, int, int, Image.Image], Image.Image]
KINDS: dict[str, tuple[float, Painter]] = {
    "page": (0.18, page),
    "screen": (0.22, screen),
    "code": (0.08, code),
    "table": (0.06, table),
    "controls": (0.06, controls),
    "line art": (0.1, line_art),
    "dithered": (0.1, dithered),
    "fine": (0.12, fine),
    "flat": (0.04, flat),
    "gradient": (0.04, gradient),
}
"""The share of each among the drawn, and its painter: (rng, width, height, photo) -> RGB image."""
_NAMES = tuple(KINDS)
_ODDS = np.cumsum([share for share, _ in KINDS.values()])[:-1]
_ON_WHOLE_PIXELS = ("dithered", "fine")


def draw(size: int, rng: Rng, photo: np.ndarray | None = None, kind: str = "") -> np.ndarray:
    """A picture, uint8 `[size, size, 3]`, a function of the arguments alone, but for the edges of
    letters, which another version of Pillow's FreeType may draw otherwise.

    photo: uint8 `[H, W, 3]`, to be dithered, or shown in a window; without one a gradient is. kind: one of `KINDS`;
    without one each is drawn as often as is said there.
    """
    kind = kind or _NAMES[int(np.searchsorted(_ODDS, rng.random()))]
    at_hand = gradient(rng, size, size) if photo is None else Image.fromarray(photo)
    paint = KINDS[kind][1]
    # Now and then a screen is shown at half its size; dither and checkers would be grey then.
    times = 2 if kind not in _ON_WHOLE_PIXELS and rng.random() < 0.1 else 1
    return np.array(paint(rng, times * size, times * size, at_hand).reduce(times))
