"""Pictures that no camera takes: pages, screens, line art, dither, fine patterns, flat colours.

Photos alone teach a model that two neighbouring pixels are about equal, and it then greys out what is not. Here such
pictures are drawn at random, on whole pixels as on a screen.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from train.lettering import Colour, Hand, random_hand, words, write

Rng = np.random.Generator


def draw(size: int, rng: Rng, photo: np.ndarray | None = None, kind: str = "") -> np.ndarray:
    """A picture, uint8 `[size, size, 3]`, a function of the arguments alone.

    photo: uint8 `[H, W, 3]`, to be dithered, or shown in a window; without one a gradient is. kind: one of `KINDS`;
    without one each is drawn as often as is said there.
    """
    kind = kind or _NAMES[int(np.searchsorted(_ODDS, rng.random()))]
    at_hand = _gradient(rng, size, size) if photo is None else Image.fromarray(photo)
    paint = KINDS[kind][1]
    if (
        kind not in _ON_WHOLE_PIXELS and rng.random() < 0.1
    ):  # a screen that was shown at half its size
        return np.array(paint(rng, 2 * size, 2 * size, at_hand).reduce(2))
    return np.array(paint(rng, size, size, at_hand))


def _page(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """Lines of text."""
    ground, ink = _theme(rng)
    canvas, hand = Image.new("RGB", (width, height), ground), random_hand(rng)
    x, y = _int(rng, -4 * hand.size, hand.size), _int(rng, -hand.size, hand.size)
    step = round(hand.size * rng.uniform(1.15, 1.7))
    emphasis = _contrasting(rng, ground)
    while y < height:
        heading = rng.random() < 0.07
        as_written = Hand(2 * hand.size, hand.edges, hand.script) if heading else hand
        count = max(1, (width - x) // (3 * as_written.size) + 2)
        if rng.random() < 0.2:
            count = _int(rng, 1, count)
        write(
            canvas, (x, y), words(rng, count), emphasis if rng.random() < 0.15 else ink, as_written
        )
        y += step * (2 if heading or rng.random() < 0.1 else 1)
    return canvas


def _code(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """A program or a terminal: columns of equal width, coloured words, indented."""
    ground, ink = _theme(rng)
    canvas, inks = Image.new("RGB", (width, height), ground), [ink, ink]
    inks += [_contrasting(rng, ground) for _ in range(3)]
    times = 1 if rng.random() < 0.7 else 2
    hand = Hand(11 * times, "hard", "terminal")
    if rng.random() < 0.6:
        hand = Hand(_int(rng, 9, 18), ("hard", "grey", "lcd")[rng.integers(3)])
    pitch = 6 * times if hand.script == "terminal" else round(0.6 * hand.size)
    y, step, indent = _int(rng, -hand.size, 4), round(hand.size * rng.uniform(1.1, 1.5)), 0
    left = _int(rng, -12 * pitch, pitch)
    while y < height:
        indent = min(6, max(0, indent + int(rng.integers(-1, 2))))
        x = left + 2 * pitch * indent
        for word in words(rng, _int(rng, 0, 8)).split():
            if x < width:
                write(canvas, (x, y), word, inks[rng.integers(len(inks))], hand)
            x += pitch * (len(word) + 1)
        y += step
    return canvas


def _table(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """Words and numbers in a grid, its lines one pixel wide."""
    ground, ink = _theme(rng)
    canvas, hand = Image.new("RGB", (width, height), ground), random_hand(rng, 8, 18)
    pen = ImageDraw.Draw(canvas)
    row, column = hand.size + _int(rng, 4, 12), _int(rng, 3, 9) * hand.size
    shade, rule = _mixed(ground, ink, 0.07), _mixed(ground, ink, rng.uniform(0.15, 1.0))
    for number, y in enumerate(range(_int(rng, -row, 0), height, row)):
        if number % 2:
            pen.rectangle((0, y, width, y + row - 1), shade)
        pen.line((0, y, width, y), rule)
        for x in range(0, width, column):
            text = words(rng, 2) if x == 0 else f"{rng.integers(10**6) / 100:,.2f}"
            write(canvas, (x + 3, y + 2), text[: column // hand.size * 2], ink, hand)
    for x in range(0, width, column):
        pen.line((x, 0, x, height), rule)
    return canvas


def _controls(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """Buttons, boxes, bars and icons in rows."""
    ground, ink = _theme(rng)
    canvas, hand = Image.new("RGB", (width, height), ground), random_hand(rng, 8, 16)
    pen, accent = ImageDraw.Draw(canvas), _contrasting(rng, ground)
    cell = hand.size + _int(rng, 8, 24)
    for y in range(_int(rng, -cell, 4), height, cell + 4):
        x, what = _int(rng, -cell, 8), rng.integers(4)
        while x < width:
            if what == 0:
                _icon(rng, canvas, x, y, cell)
                x += cell + 6
                continue
            wide = _int(rng, 2, 6) * hand.size
            box = (x, y, x + wide, y + cell - 1)
            if what == 1:
                filled = rng.random() < 0.5
                pen.rounded_rectangle(box, int(rng.integers(7)), accent if filled else ground, ink)
                write(
                    canvas, (x + 5, y + 4), words(rng, 1), _legible(accent) if filled else ink, hand
                )
            elif what == 2:
                pen.rectangle((x, y + 4, x + 10, y + 14), ground, ink)
                write(canvas, (x + 16, y + 2), words(rng, 1), ink, hand)
            else:
                pen.rectangle(box, _mixed(ground, ink, 0.15))
                pen.rectangle((*box[:2], x + _int(rng, 0, wide), box[3]), accent)
            x += wide + 16
    return canvas


def _icon(rng: Rng, canvas: Image.Image, x: int, y: int, side: int) -> None:
    """A small bitmap with one axis of symmetry, or a plain shape."""
    pen, colour, box = ImageDraw.Draw(canvas), _colour(rng), (x, y, x + side - 1, y + side - 1)
    shape = rng.integers(4)
    if shape == 0:
        half = rng.random((8, 4)) < 0.5
        bitmap = np.concatenate((half, half[:, ::-1]), 1).repeat(max(1, side // 8), 0)
        mask = bitmap.repeat(max(1, side // 8), 1).astype(np.uint8) * 255
        canvas.paste(colour, (x, y), Image.fromarray(mask))
    elif shape == 1:
        pen.ellipse(box, colour, _colour(rng))
    elif shape == 2:
        pen.rounded_rectangle(box, side // 5, colour)
        write(
            canvas,
            (x + side // 4, y + 1),
            words(rng, 1)[0].upper(),
            _legible(colour),
            Hand(max(7, side // 2)),
        )
    else:
        pen.polygon(((x, y + side), (x + side // 2, y), (x + side, y + side)), colour, _colour(rng))


def _screen(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """Windows, one over the other."""
    backdrop = (_flat, _gradient, _picture)[rng.integers(3)]
    canvas = backdrop(rng, width, height, photo)
    for _ in range(_int(rng, 1, 4)):
        wide, high = (_int(rng, side // 2, side * 5 // 4) for side in (width, height))
        at = _int(rng, -width // 3, width * 2 // 3), _int(rng, -height // 3, height * 2 // 3)
        canvas.paste(_window(rng, wide, high, photo), at)
    return canvas


def _window(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    frame, bar = _colour(rng), _int(rng, 12, 28)
    canvas = Image.new("RGB", (width, height), frame)
    inside = (_page, _page, _code, _table, _controls, _picture, _line_art)[rng.integers(7)]
    canvas.paste(inside(rng, max(8, width - 2), max(8, height - bar - 2), photo), (1, bar))
    pen = ImageDraw.Draw(canvas)
    write(canvas, (6, bar // 2 - 6), words(rng, 2), _legible(frame), Hand(min(12, bar - 2), "grey"))
    for button in range(3):
        x, y = width - (button + 1) * bar, bar // 2
        pen.line((x, y - 3, x + 6, y + 3), _legible(frame))
        pen.line((x, y + 3, x + 6, y - 3), _legible(frame))
    pen.rectangle((0, 0, width - 1, height - 1), None, _mixed(frame, _legible(frame), 0.6))
    return canvas


def _line_art(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """Curves, circles and rules of few pixels; half of the time antialiased."""
    ground, ink = _theme(rng)
    times, thick = (1, 4)[rng.integers(2)], _int(rng, 1, 4)
    canvas = Image.new("RGB", (width * times, height * times), ground)
    pen, inks = ImageDraw.Draw(canvas), (ink, ink, _contrasting(rng, ground))
    if rng.random() < 0.3:  # the grid of a chart, or of squared paper
        gap, rule = _int(rng, 6, 24) * times, _mixed(ground, ink, 0.3)
        for x in range(0, canvas.width, gap):
            pen.line((x, 0, x, canvas.height), rule, times)
        for y in range(0, canvas.height, gap):
            pen.line((0, y, canvas.width, y), rule, times)
    for _ in range(_int(rng, 2, 10)):
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
            corners = [(float(x), float(y)) for x, y in at[: _int(rng, 3, 8)]]
            pen.polygon(corners, ground if rng.random() < 0.5 else None, colour, stroke)
        else:  # hatched
            left, top = (int(v) for v in at[0])
            for offset in range(0, _int(rng, 8, 60) * times, _int(rng, 2, 7) * times):
                pen.line(
                    (left + offset, top, left + offset - 20 * times, top + 40 * times),
                    colour,
                    times,
                )
    return canvas.reduce(times)


def _dithered(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """The photo in few colours: ordered or error-diffused dither, or none."""
    picture = _picture(rng, width, height, photo)
    how = rng.integers(6)
    if how == 0:
        return picture.convert("1").convert("RGB")
    if how == 1:
        return picture.convert("P").convert("RGB")  # the palette of the early web
    if how == 2:
        palette = picture.quantize(_int(rng, 2, 17))
        return picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB")
    if how == 3:
        return picture.quantize(_int(rng, 2, 33)).convert("RGB")
    pixels = np.asarray(picture if how == 4 else picture.convert("L").convert("RGB"), np.float32)
    steps = _int(rng, 1, 5)
    threshold = np.tile(_BAYER, (-(-height // 8), -(-width // 8)))[:height, :width, None]
    levels = np.floor(pixels * (steps / 255.0) + threshold)
    return Image.fromarray((np.minimum(levels, steps) * (255.0 / steps)).astype(np.uint8))


def _fine(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """Checkers, stripes and dots of one or two pixels: all over, or as patches on another picture."""
    if rng.random() < 0.4:
        return _pattern(rng, width, height)
    canvas = (_flat, _flat, _controls, _page)[rng.integers(4)](rng, width, height, photo)
    for _ in range(_int(rng, 1, 6)):
        wide, high = _int(rng, 4, max(5, width * 3 // 4)), _int(rng, 4, max(5, height * 3 // 4))
        canvas.paste(_pattern(rng, wide, high), (_int(rng, -8, width), _int(rng, -8, height)))
    return canvas


def _pattern(rng: Rng, width: int, height: int) -> Image.Image:
    cell = (1, 1, 1, 2, 2, 3)[rng.integers(6)]
    i, j = np.arange(height)[:, None] // cell, np.arange(width)[None] // cell
    step = _int(rng, 2, 5)
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
    one = _colour(rng)
    two = _contrasting(rng, one)
    if rng.random() < 0.5:
        one, two = (0, 0, 0), (255, 255, 255)
    chosen = shapes[rng.integers(len(shapes))]()[..., None]
    return Image.fromarray(np.where(chosen, np.array(one, np.uint8), np.array(two, np.uint8)))


def _flat(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """One colour, or blocks of several, as in logos and charts."""
    canvas = Image.new("RGB", (width, height), _colour(rng))
    pen = ImageDraw.Draw(canvas)
    for _ in range(_int(rng, 0, 6)):
        x, y = _int(rng, -width // 4, width), _int(rng, -height // 4, height)
        box = (x, y, x + _int(rng, 1, width), y + _int(rng, 1, height))
        (pen.rectangle, pen.rectangle, pen.ellipse)[rng.integers(3)](box, _colour(rng))
    return canvas


def _gradient(rng: Rng, width: int, height: int, photo: Image.Image | None = None) -> Image.Image:
    """From one colour to another, along a line or from a point; in some of them with visible bands."""
    i, j = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)[None]
    a, b = rng.uniform(-1, 1, 2)
    slopes = (i + 0 * j, j + 0 * i, a * i + b * j, np.hypot(i - abs(a), j - abs(b)))
    t = slopes[rng.integers(4)]
    t = (t - t.min()) / max(float(np.ptp(t)), 1e-6)
    if rng.random() < 0.2:
        t = np.round(t * 12) / 12
    one, two = np.array(_colour(rng)), np.array(_colour(rng))
    return Image.fromarray(np.rint(one + (two - one) * t[..., None]).astype(np.uint8))


def _picture(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """A piece of the photo at its own scale; enlarged where it is too small."""
    if photo.width < width or photo.height < height:
        return photo.resize((width, height), Image.Resampling.BICUBIC)
    x, y = _int(rng, 0, photo.width - width + 1), _int(rng, 0, photo.height - height + 1)
    return photo.crop((x, y, x + width, y + height))


def _theme(rng: Rng) -> tuple[Colour, Colour]:
    """(ground, ink): mostly dark on light or light on dark."""
    choice = rng.random()
    if choice < 0.5:
        ground = (255, 255, 255) if rng.random() < 0.6 else _pale(rng)
    elif choice < 0.8:
        ground = (0, 0, 0) if rng.random() < 0.3 else _mixed(_colour(rng), (0, 0, 0), 0.8)
    else:
        ground = _colour(rng)
        return ground, _contrasting(rng, ground)
    return ground, _mixed(_legible(ground), ground, float(rng.random() ** 3 * 0.6))


def _colour(rng: Rng) -> Colour:
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


def _pale(rng: Rng) -> Colour:
    return _mixed(_colour(rng), (255, 255, 255), 0.88)


def _contrasting(rng: Rng, ground: Colour) -> Colour:
    """A colour that can be read on `ground`."""
    for _ in range(8):
        colour = _colour(rng)
        if abs(_luma(colour) - _luma(ground)) > 70:
            return colour
    return _legible(ground)


def _legible(ground: Colour) -> Colour:
    return (0, 0, 0) if _luma(ground) > 127 else (255, 255, 255)


def _luma(colour: Colour) -> float:
    return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]


def _mixed(one: Colour, two: Colour, share: float) -> Colour:
    """`share` of the second."""
    return _rgb(np.rint((1.0 - share) * np.array(one) + share * np.array(two)))


def _rgb(values: np.ndarray) -> Colour:
    red, green, blue = (int(value) for value in values)
    return red, green, blue


def _int(rng: Rng, low: int, high: int) -> int:
    """From `low` to below `high`, or `low` where there is nothing between."""
    return int(rng.integers(low, max(high, low + 1)))


def _bayer(order: int) -> np.ndarray:
    """The thresholds of ordered dither, float64 `[2^order, 2^order]` in (0, 1) (Bayer 1973)."""
    matrix = np.zeros((1, 1))
    for _ in range(order):
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    return (matrix + 0.5) / matrix.size


_BAYER = _bayer(3)
Painter = Callable[[Rng, int, int, Image.Image], Image.Image]
# How often each is drawn.
KINDS: dict[str, tuple[float, Painter]] = {
    "page": (0.18, _page),
    "screen": (0.22, _screen),
    "code": (0.08, _code),
    "table": (0.06, _table),
    "controls": (0.06, _controls),
    "line art": (0.1, _line_art),
    "dithered": (0.1, _dithered),
    "fine": (0.12, _fine),
    "flat": (0.04, _flat),
    "gradient": (0.04, _gradient),
}
_NAMES = tuple(KINDS)
_ODDS = np.cumsum([share for share, _ in KINDS.values()])[:-1]
_ON_WHOLE_PIXELS = ("dithered", "fine")
