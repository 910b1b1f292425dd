"""Flat colours, gradients, line art, and pieces of photos; each painter gives an RGB image of `width` by `height`."""

import numpy as np
from PIL import Image, ImageDraw

from train.drawn.colours import Rng, any_colour, between, contrasting, mixed, theme


def piece(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """A piece of the photo at its own scale; enlarged where it is too small."""
    if photo.width < width or photo.height < height:
        return photo.resize((width, height), Image.Resampling.BICUBIC)
    x, y = between(rng, 0, photo.width - width + 1), between(rng, 0, photo.height - height + 1)
    return photo.crop((x, y, x + width, y + height))


def flat(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """One colour, or blocks of several, as in logos and charts."""
    canvas = Image.new("RGB", (width, height), any_colour(rng))
    pen = ImageDraw.Draw(canvas)
    for _ in range(between(rng, 0, 6)):
        x, y = between(rng, -width // 4, width), between(rng, -height // 4, height)
        box = (x, y, x + between(rng, 1, width), y + between(rng, 1, height))
        (pen.rectangle, pen.rectangle, pen.ellipse)[rng.integers(3)](box, any_colour(rng))
    return canvas


def gradient(rng: Rng, width: int, height: int, photo: Image.Image | None = None) -> Image.Image:
    """From one colour to another, along a line or from a point; in some of them with visible bands."""
    i, j = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)[None]
    a, b = rng.uniform(-1, 1, 2)
    slopes = (i + 0 * j, j + 0 * i, a * i + b * j, np.hypot(i - abs(a), j - abs(b)))
    t = slopes[rng.integers(4)]
    t = (t - t.min()) / max(float(np.ptp(t)), 1e-6)
    if rng.random() < 0.2:
        t = np.round(t * 12) / 12
    one, two = np.array(any_colour(rng)), np.array(any_colour(rng))
    return Image.fromarray(np.rint(one + (two - one) * t[..., None]).astype(np.uint8))


def line_art(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """Curves, circles and rules of few pixels; half of the time antialiased."""
    ground, ink = theme(rng)
    times, thick = (1, 4)[rng.integers(2)], between(rng, 1, 4)
    canvas = Image.new("RGB", (width * times, height * times), ground)
    pen, inks = ImageDraw.Draw(canvas), (ink, ink, contrasting(rng, ground))
    if rng.random() < 0.3:  # the grid of a chart, or of squared paper
        gap, rule = between(rng, 6, 24) * times, mixed(ground, ink, 0.3)
        for x in range(0, canvas.width, gap):
            pen.line((x, 0, x, canvas.height), rule, times)
        for y in range(0, canvas.height, gap):
            pen.line((0, y, canvas.width, y), rule, times)
    for _ in range(between(rng, 2, 10)):
        colour, stroke = inks[rng.integers(3)], thick * times
        at = rng.uniform(-0.2, 1.2, (8, 2)) * canvas.size
        shape = rng.integers(5)
        if shape == 0:
            pen.line([(float(x), float(y)) for x, y in at[:2]], colour, stroke)
        elif shape == 1:  # a curve over time
            across = np.linspace(0, canvas.width, 40)
            swing = at[0, 1] + at[1, 1] / 3 * np.sin(
                across / canvas.width * at[2, 0] / times / 4 + at[3, 0]
            )
            noisy = swing + rng.normal(size=40) * rng.integers(3) * 3 * times
            pen.line(list(zip(across.tolist(), noisy.tolist(), strict=True)), colour, stroke)
        elif shape == 2:
            low, high = np.minimum(at[0], at[1]), np.maximum(at[0], at[1]) + 2
            pen.ellipse((*map(float, low), *map(float, high)), None, colour, stroke)
        elif shape == 3:
            corners = [(float(x), float(y)) for x, y in at[: between(rng, 3, 8)]]
            pen.polygon(corners, ground if rng.random() < 0.5 else None, colour, stroke)
        else:  # hatched
            left, top = (int(v) for v in at[0])
            for offset in range(0, between(rng, 8, 60) * times, between(rng, 2, 7) * times):
                pen.line(
                    (left + offset, top, left + offset - 20 * times, top + 40 * times),
                    colour,
                    times,
                )
    return canvas.reduce(times)
