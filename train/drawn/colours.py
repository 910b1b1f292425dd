"""Chance: colours that go together, as people choose them for pages and screens, and whole numbers."""

import numpy as np

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""
Rng = np.random.Generator


def theme(rng: Rng) -> tuple[Colour, Colour]:
    """(ground, ink): mostly dark on light or light on dark."""
    choice = rng.random()
    if choice < 0.5:
        ground = (255, 255, 255) if rng.random() < 0.6 else _pale(rng)
    elif choice < 0.8:
        ground = (0, 0, 0) if rng.random() < 0.3 else mixed(any_colour(rng), (0, 0, 0), 0.8)
    else:
        ground = any_colour(rng)
        return ground, contrasting(rng, ground)
    return ground, mixed(legible(ground), ground, float(rng.random() ** 3 * 0.6))


def any_colour(rng: Rng) -> Colour:
    """Any, a grey, or a fully saturated one."""
    values, kind = rng.integers(0, 256, 3), rng.random()
    if kind < 0.2:
        values[:] = values[0]
    elif kind < 0.6:
        order = rng.permutation(3)
        values[order[0]], values[order[1]] = 0, 255
        if rng.random() < 0.5:
            values[order[2]] = (0, 255)[rng.integers(2)]
    return _rgb(values)


def contrasting(rng: Rng, ground: Colour) -> Colour:
    """A colour that can be read on `ground`."""
    for _ in range(8):
        colour = any_colour(rng)
        if abs(_luma(colour) - _luma(ground)) > 70:
            return colour
    return legible(ground)


def legible(ground: Colour) -> Colour:
    """Black or white, whichever can be read on `ground`."""
    return (0, 0, 0) if _luma(ground) > 127 else (255, 255, 255)


def mixed(one: Colour, two: Colour, share: float) -> Colour:
    """`share` of the second."""
    return _rgb(np.rint((1.0 - share) * np.array(one) + share * np.array(two)))


def between(rng: Rng, low: int, high: int) -> int:
    """From `low` to below `high`, or `low` where there is nothing between."""
    return int(rng.integers(low, max(high, low + 1)))


def _pale(rng: Rng) -> Colour:
    return mixed(any_colour(rng), (255, 255, 255), 0.88)


def _luma(colour: Colour) -> float:
    return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]


def _rgb(values: np.ndarray) -> Colour:
    red, green, blue = (int(value) for value in values)
    return red, green, blue
