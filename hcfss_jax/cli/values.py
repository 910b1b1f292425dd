"""What the options of the command hold: texts to values, or a line that says what is asked for instead."""

import argparse
import math
import re


def quality(text: str) -> float:
    """Of any model; each says itself how high it goes."""
    try:
        return number(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number: 1 is the smallest file, 8 the best, 6.5 lies between"
        ) from None


def picture_format(text: str) -> str:
    """Pillow's name of a format."""
    from hcfss_jax.cli.transcode import PICTURE_FORMATS

    if kind := PICTURE_FORMATS.get(f".{text.lower().removeprefix('.')}"):
        return kind
    known = ", ".join(ending[1:] for ending in PICTURE_FORMATS)
    raise argparse.ArgumentTypeError(f"{text!r} cannot be written: there is {known}")


def number(text: str) -> float:
    """A finite one. Raises ValueError for what is none."""
    value = float(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number")
    return value


def positive(text: str) -> float:
    """More than 0."""
    if (value := number(text)) <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return value


_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
}


def size(text: str) -> float:
    """Bytes: 200000, 200kB, 1.5MB, 200KiB."""
    found = re.fullmatch(r"([0-9.]+) *([a-z]*)", text.strip().lower().removesuffix("ytes"))
    unit = _UNITS.get(found[2]) if found else None
    try:
        if found and unit and (amount := float(found[1]) * unit) > 0:
            return amount
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(
        f"{text!r} is no size: bytes are asked for, such as 200000, 200kB, 1.5MB or 200KiB"
    )


def similarity(text: str) -> float:
    """Between 0 and 1."""
    if not 0 < (value := number(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} does not lie between 0 and 1: 0.98 is good")
    return value


def side(text: str) -> int:
    """Of a picture that is coded in one piece, in pixels."""
    from hcfss_jax.codec.tiles import LARGEST_TILE

    if not text.isdecimal() or not 1 <= int(text) <= LARGEST_TILE:
        raise argparse.ArgumentTypeError(
            f"{text!r}: a picture in one piece has 1 to {LARGEST_TILE} pixels a side"
        )
    return int(text)


def tile(text: str) -> int:
    """A side of tiles that files may have."""
    from hcfss_jax.codec.tiles import LARGEST_TILE, SMALLEST_TILE

    if not text.isdecimal() or not SMALLEST_TILE <= int(text) <= LARGEST_TILE:
        raise argparse.ArgumentTypeError(
            f"{text!r}: tiles have {SMALLEST_TILE} to {LARGEST_TILE} pixels a side"
        )
    return int(text)


def steps(text: str) -> int:
    """Of a preview; each model says itself how many it has."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of coding steps behind the first: 0 is the coarsest preview"
        )
    return int(text)


def region(text: str) -> tuple[int, ...]:
    """Left, top, right, bottom in pixels; each picture says itself whether it has them."""
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(
            f"{text!r}: pixels are asked for as LEFT,TOP,RIGHT,BOTTOM, such as 0,0,512,512 for the corner at the top "
            "left"
        )
    left, top, right, bottom = map(int, parts)
    if not (left < right and top < bottom):
        raise argparse.ArgumentTypeError(
            f"{text!r} holds no pixel: RIGHT and BOTTOM lie behind the last"
        )
    return left, top, right, bottom


_DEEPEST_WHITE = 2**16 - 1  # of 16 bits a channel


def max_error(text: str) -> int:
    """A bound of the errors of pixels; which are too large depends on the picture's depth."""
    if text.isdecimal() and len(text) < 6 and int(text) < _DEEPEST_WHITE:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to {_DEEPEST_WHITE - 1}")
