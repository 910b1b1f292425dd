"""Pages, programs, tables, controls and the windows that hold them; each painter gives an RGB image."""

import numpy as np
from PIL import Image, ImageDraw

from train.drawn.colours import Rng, any_colour, between, contrasting, legible, mixed, theme
from train.drawn.lettering import Hand, random_hand, words, write
from train.drawn.shapes import flat, gradient, line_art, piece


def screen(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """Windows, one over the other."""
    backdrop = (flat, gradient, piece)[rng.integers(3)]
    canvas = backdrop(rng, width, height, photo)
    for _ in range(between(rng, 1, 4)):
        wide, high = (between(rng, side // 2, side * 5 // 4) for side in (width, height))
        at = between(rng, -width // 3, width * 2 // 3), between(rng, -height // 3, height * 2 // 3)
        canvas.paste(_window(rng, wide, high, photo), at)
    return canvas


def _window(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    frame, bar = any_colour(rng), between(rng, 12, 28)
    canvas = Image.new("RGB", (width, height), frame)
    inside = (page, page, code, table, controls, piece, line_art)[rng.integers(7)]
    canvas.paste(inside(rng, max(8, width - 2), max(8, height - bar - 2), photo), (1, bar))
    pen = ImageDraw.Draw(canvas)
    write(canvas, (6, bar // 2 - 6), words(rng, 2), legible(frame), Hand(min(12, bar - 2), "grey"))
    for button in range(3):
        x, y = width - (button + 1) * bar, bar // 2
        pen.line((x, y - 3, x + 6, y + 3), legible(frame))
        pen.line((x, y + 3, x + 6, y - 3), legible(frame))
    pen.rectangle((0, 0, width - 1, height - 1), None, mixed(frame, legible(frame), 0.6))
    return canvas


def page(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """Lines of text."""
    ground, ink = theme(rng)
    canvas, hand = Image.new("RGB", (width, height), ground), random_hand(rng)
    x, y = between(rng, -4 * hand.size, hand.size), between(rng, -hand.size, hand.size)
    step = round(hand.size * rng.uniform(1.15, 1.7))
    emphasis = contrasting(rng, ground)
    while y < height:
        heading = rng.random() < 0.07
        as_written = Hand(2 * hand.size, hand.edges, hand.script) if heading else hand
        count = max(1, (width - x) // (3 * as_written.size) + 2)
        if rng.random() < 0.2:
            count = between(rng, 1, count)
        write(
            canvas, (x, y), words(rng, count), emphasis if rng.random() < 0.15 else ink, as_written
        )
        y += step * (2 if heading or rng.random() < 0.1 else 1)
    return canvas


def code(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """A program or a terminal: columns of equal width, coloured words, indented."""
    ground, ink = theme(rng)
    canvas, inks = Image.new("RGB", (width, height), ground), [ink, ink]
    inks += [contrasting(rng, ground) for _ in range(3)]
    times = 1 if rng.random() < 0.7 else 2
    hand = Hand(11 * times, "hard", "terminal")
    if rng.random() < 0.6:
        hand = Hand(between(rng, 9, 18), ("hard", "grey", "lcd")[rng.integers(3)])
    pitch = 6 * times if hand.script == "terminal" else round(0.6 * hand.size)
    y, step, indent = between(rng, -hand.size, 4), round(hand.size * rng.uniform(1.1, 1.5)), 0
    left = between(rng, -12 * pitch, pitch)
    while y < height:
        indent = min(6, max(0, indent + int(rng.integers(-1, 2))))
        x = left + 2 * pitch * indent
        for word in words(rng, between(rng, 0, 8)).split():
            if x < width:
                write(canvas, (x, y), word, inks[rng.integers(len(inks))], hand)
            x += pitch * (len(word) + 1)
        y += step
    return canvas


def table(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """Words and numbers in a grid, its lines one pixel wide."""
    ground, ink = theme(rng)
    canvas, hand = Image.new("RGB", (width, height), ground), random_hand(rng, 8, 18)
    pen = ImageDraw.Draw(canvas)
    row, column = hand.size + between(rng, 4, 12), between(rng, 3, 9) * hand.size
    shade, rule = mixed(ground, ink, 0.07), mixed(ground, ink, rng.uniform(0.15, 1.0))
    for number, y in enumerate(range(between(rng, -row, 0), height, row)):
        if number % 2:
            pen.rectangle((0, y, width, y + row - 1), shade)
        pen.line((0, y, width, y), rule)
        for x in range(0, width, column):
            text = words(rng, 2) if x == 0 else f"{rng.integers(10**6) / 100:,.2f}"
            write(canvas, (x + 3, y + 2), text[: column // hand.size * 2], ink, hand)
    for x in range(0, width, column):
        pen.line((x, 0, x, height), rule)
    return canvas


def controls(rng: Rng, width: int, height: int, photo: Image.Image) -> Image.Image:
    """Buttons, boxes, bars and icons in rows."""
    ground, ink = theme(rng)
    canvas, hand = Image.new("RGB", (width, height), ground), random_hand(rng, 8, 16)
    pen, accent = ImageDraw.Draw(canvas), contrasting(rng, ground)
    cell = hand.size + between(rng, 8, 24)
    for y in range(between(rng, -cell, 4), height, cell + 4):
        x, what = between(rng, -cell, 8), rng.integers(4)
        while x < width:
            if what == 0:
                _icon(rng, canvas, x, y, cell)
                x += cell + 6
                continue
            wide = between(rng, 2, 6) * hand.size
            box = (x, y, x + wide, y + cell - 1)
            if what == 1:
                filled = rng.random() < 0.5
                pen.rounded_rectangle(box, int(rng.integers(7)), accent if filled else ground, ink)
                write(
                    canvas, (x + 5, y + 4), words(rng, 1), legible(accent) if filled else ink, hand
                )
            elif what == 2:
                pen.rectangle((x, y + 4, x + 10, y + 14), ground, ink)
                write(canvas, (x + 16, y + 2), words(rng, 1), ink, hand)
            else:
                pen.rectangle(box, mixed(ground, ink, 0.15))
                pen.rectangle((*box[:2], x + between(rng, 0, wide), box[3]), accent)
            x += wide + 16
    return canvas


def _icon(rng: Rng, canvas: Image.Image, x: int, y: int, side: int) -> None:
    """A small bitmap with one axis of symmetry, or a plain shape."""
    pen, colour, box = ImageDraw.Draw(canvas), any_colour(rng), (x, y, x + side - 1, y + side - 1)
    shape = rng.integers(4)
    if shape == 0:
        half = rng.random((8, 4)) < 0.5
        bitmap = np.concatenate((half, half[:, ::-1]), 1).repeat(max(1, side // 8), 0)
        mask = bitmap.repeat(max(1, side // 8), 1).astype(np.uint8) * 255
        canvas.paste(colour, (x, y), Image.fromarray(mask))
    elif shape == 1:
        pen.ellipse(box, colour, any_colour(rng))
    elif shape == 2:
        pen.rounded_rectangle(box, side // 5, colour)
        write(
            canvas,
            (x + side // 4, y + 1),
            words(rng, 1)[0].upper(),
            legible(colour),
            Hand(max(7, side // 2)),
        )
    else:
        pen.polygon(
            ((x, y + side), (x + side // 2, y), (x + side, y + side)), colour, any_colour(rng)
        )
