"""A part of a picture that is asked for: only the tiles that it lies in are decoded."""

import operator
from collections.abc import Sequence

from hcfss_jax.codec.tiles import Tile
from hcfss_jax.errors import InvalidInput

Region = Sequence[int]
"""left, top, right, bottom in pixels, as Pillow's `crop` takes them: right and bottom lie behind the last."""


def part_of(region: Region | None, height: int, width: int) -> Tile:
    """Where a region of a picture lies; None for all of the picture.

    Raises InvalidInput for what are no four whole numbers, or no pixels of the picture.
    """
    if region is None:
        return Tile(0, 0, height, width)
    left, top, right, bottom = _corners(region)
    if not (left < right and top < bottom):
        raise InvalidInput(
            f"region {left},{top},{right},{bottom} holds no pixel: left,top,right,bottom are asked for, and right and "
            "bottom lie behind the last"
        )
    if left < 0 or top < 0 or right > width or bottom > height:
        raise InvalidInput(
            f"region {left},{top},{right},{bottom} lies outside of the picture of {width}x{height} pixels, "
            f"which is 0,0,{width},{height}"
        )
    return Tile(top, left, bottom - top, right - left)


def _corners(region: Region) -> list[int]:
    try:
        corners = [operator.index(number) for number in region]
    except TypeError:
        corners = []
    if len(corners) != 4 or isinstance(region, bytes | str):
        raise InvalidInput(
            f"region {region!r:.60}: four whole numbers are asked for, (left, top, right, bottom)"
        )
    return corners
