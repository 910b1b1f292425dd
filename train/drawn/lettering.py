"""Text as screens show it, in letters of Pillow's own fonts: no font file is needed."""

import dataclasses
import functools
import unicodedata

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from train.drawn.colours import Colour

_TEXT = (
    "the of and to in is re con ta ver ing pro al en er ti sta mo lu que sch ein ur per ko za wi "
    "no fe ja hu gy xi be ox um ël né ño ü ö ä ç ê à å š ž é"
)
_SYLLABLES = _TEXT.split()
_MARKS = """,.:;!?-()[]{}<>/\\"'&=+*#%@_|~"""


@dataclasses.dataclass(frozen=True)
class Hand:
    """How letters look.

    size: of the font, pixels. edges: "hard" pixels, "grey" for antialiased, "lcd" for thirds of a pixel in colour.
    script: "latin", "strokes" (each letter an ideograph of a few lines), or "terminal" (a bitmap font of 6x11, hard,
    as often larger as `size` allows).
    """

    size: int
    edges: str = "grey"
    script: str = "latin"


def random_hand(rng: np.random.Generator, smallest: int = 7, largest: int = 40) -> Hand:
    """Small letters more often than large ones."""
    size = round(smallest * (largest / smallest) ** (rng.random() ** 1.5))
    edges = ("hard", "grey", "grey", "lcd")[rng.integers(4)]
    script = ("latin", "latin", "latin", "latin", "latin", "strokes", "terminal")[rng.integers(7)]
    return Hand(size, edges, script)


def words(rng: np.random.Generator, count: int) -> str:
    """So many words of no language, numbers and punctuation among them."""
    lengths, kinds = rng.integers(1, 4, count), rng.random(count)
    syllables = rng.integers(len(_SYLLABLES), size=(count, 3))
    marks = rng.integers(len(_MARKS), size=count)
    text = ""
    for length, kind, picked, mark in zip(lengths, kinds, syllables, marks, strict=True):
        word = "".join(_SYLLABLES[k] for k in picked[:length])
        if kind < 0.1:
            word = str(int(picked[0]) * 37 + int(picked[1]))
        elif kind < 0.3:
            word = word.capitalize() if kind < 0.25 else word.upper()
        text += word + (_MARKS[mark] if kind > 0.85 else "") + " "
    return text


def write(canvas: Image.Image, xy: tuple[int, int], text: str, ink: Colour, hand: Hand) -> None:
    """Put a line of text on an RGB canvas, its upper left corner at `xy`; what is outside is cut off."""
    if not text:
        return
    mask = np.concatenate([_letter(letter, hand) for letter in text], axis=1)
    mask = mask[:, : max(1, canvas.width - xy[0])]
    if mask.ndim == 2:
        canvas.paste(ink, xy, Image.fromarray(mask))
        return
    box = (*xy, xy[0] + mask.shape[1], xy[1] + mask.shape[0])
    ground, share = np.asarray(canvas.crop(box), np.float32), mask.astype(np.float32) / 255.0
    mixed = ground + (np.asarray(ink, np.float32) - ground) * share
    canvas.paste(Image.fromarray(np.rint(mixed).astype(np.uint8)), xy)


@functools.lru_cache(maxsize=20_000)
def _letter(letter: str, hand: Hand) -> np.ndarray:
    """Its coverage, uint8 `[H, W]`, or `[H, W, 3]` for thirds of a pixel; W is its advance."""
    if hand.script == "terminal":
        known = letter.encode("latin-1", "replace").decode("latin-1")
        mask = _rendered(known, ImageFont.load_default_imagefont(), "1", 6, 11)
        times = max(1, hand.size // 11)
        return mask.repeat(times, 0).repeat(times, 1)
    scale = 3 if hand.edges == "lcd" else 1
    mode = "1" if hand.edges == "hard" else "L"
    if hand.script == "strokes":
        mask = _ideograph(letter, hand.size * scale, mode)
    else:
        mask = _latin(letter, hand.size * scale, mode)
    return _thirds(mask) if scale == 3 else mask


def _latin(letter: str, size: int, mode: str) -> np.ndarray:
    """A letter of Pillow's font, which has no accents: those are drawn."""
    font = _font(size)
    base, *marks = list(unicodedata.normalize("NFD", letter))
    ascent, descent = font.getmetrics()
    mask = _rendered(base, font, mode, max(1, round(font.getlength(base))), ascent + descent)
    if not marks:
        return mask
    picture = Image.fromarray(mask)
    draw = ImageDraw.Draw(picture)
    middle, top, reach = mask.shape[1] // 2, ascent - round(0.75 * size), max(1, size // 8)
    if marks[0] == "\u0308":  # two dots
        draw.rectangle((middle - 2 * reach, top, middle - reach - 1, top + reach - 1), 255)
        draw.rectangle((middle + reach, top, middle + 2 * reach - 1, top + reach - 1), 255)
    else:
        slope = {"\u0301": -1, "\u0300": 1}.get(marks[0], 0) * reach
        draw.line((middle - reach, top, middle + reach, top + slope), 255, max(1, size // 14))
    return np.asarray(picture)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(float(size))
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _ideograph(letter: str, size: int, mode: str) -> np.ndarray:
    """A few strokes in a square, always the same ones for a letter."""
    if letter == " ":
        return np.zeros((size, size // 2), np.uint8)
    rng, times = np.random.default_rng(ord(letter)), 1 if mode == "1" else 4
    picture = Image.new("L", (size * times, size * times))
    draw = ImageDraw.Draw(picture)
    low, high = size * times // 10, size * times * 8 // 10
    for _ in range(rng.integers(4, 9)):
        a, b, c = rng.integers(1, 9, 3) * size * times // 10
        strokes = (
            (low, a, high, a),
            (a, low, a, high),
            (low, b, a, b),
            (b, a, b, high),
            (a, b, c, high),
        )
        ends = strokes[rng.integers(5)]
        draw.line(tuple(map(int, ends)), 255, max(1, size * times // 14))
    return np.asarray(picture.reduce(times))


def _rendered(
    letter: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    mode: str,
    width: int,
    height: int,
) -> np.ndarray:
    picture = Image.new("L", (width, height))
    draw = ImageDraw.Draw(picture)
    draw.fontmode = mode
    draw.text((0, 0), letter, 255, font)
    return np.asarray(picture)


def _thirds(mask: np.ndarray) -> np.ndarray:
    """Three times as large as the letter -> its `[H, W, 3]`: red, green and blue lie side by side on a screen."""
    height, width = -(-mask.shape[0] // 3), -(-mask.shape[1] // 3)
    padded = np.zeros((3 * height, 3 * width + 2), np.float32)
    padded[: mask.shape[0], 1 : 1 + mask.shape[1]] = mask
    rows = padded.reshape(height, 3, -1).mean(1)
    soft = (
        rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    ) / 3  # else the fringes are too strong to read
    return np.rint(soft).astype(np.uint8).reshape(height, width, 3)
