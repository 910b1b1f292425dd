"""Large pictures in tiles: where they lie, and how they are laid over each other.

A picture with a side above that of a tile is coded in tiles, each a picture of its own, so that neither memory nor the
number of sizes to compile for grows with it. Neighbours share OVERLAP lines, across which one fades into the other. A
rule of the file format, in integers: every reader puts the same picture together.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import DTypeLike

LARGEST_TILE = 2048
"""Pixels a side; what the largest bucket holds."""

SMALLEST_TILE = 128

OVERLAP = 16
"""Lines that neighbours share. Their latents begin at multiples of _STEP."""

_STEP = 16


@dataclasses.dataclass(frozen=True)
class Tile:
    """A part of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def of(self, rgb: np.ndarray) -> np.ndarray:
        """That part of `[H, W, 3]`, without a copy."""
        return rgb[self.top : self.top + self.height, self.left : self.left + self.width]

    def seen_from(self, other: "Tile") -> "Tile":
        """The same part, counted from the top left of another."""
        return dataclasses.replace(self, top=self.top - other.top, left=self.left - other.left)


Progress = Callable[[Sequence[Tile]], Iterable[Tile]]
"""What the list of tiles is walked through; `tqdm` shows a bar."""


def layout(height: int, width: int, side: int = LARGEST_TILE) -> list[Tile]:
    """The tiles of a picture, row by row; one where no side of it is above `side`."""
    return [
        Tile(top, left, bottom - top, right - left)
        for (top, bottom), (left, right) in itertools.product(
            spans(height, side), spans(width, side)
        )
    ]


def touched(height: int, width: int, side: int, part: Tile) -> dict[int, Tile]:
    """Of the tiles of `layout`, by their number in it, those that a part of the picture lies in.

    No other has a say in its pixels: where tiles fade into each other, both are touched.
    """
    rows = _touched_along(spans(height, side), part.top, part.top + part.height)
    columns = _touched_along(across := spans(width, side), part.left, part.left + part.width)
    return {
        row * len(across) + column: Tile(top, left, bottom - top, right - left)
        for (row, (top, bottom)), (column, (left, right)) in itertools.product(rows, columns)
    }


def hull(tiles: Iterable[Tile]) -> Tile:
    """The least part of the picture that holds all of these, of which there is one at least."""
    tiles = [*tiles]
    top, left = min(tile.top for tile in tiles), min(tile.left for tile in tiles)
    bottom = max(tile.top + tile.height for tile in tiles)
    return Tile(top, left, bottom - top, max(tile.left + tile.width for tile in tiles) - left)


def tile_count(height: int, width: int, side: int = LARGEST_TILE) -> int:
    """How many tiles `layout` would make, known before any is."""
    return _along(height, side) * _along(width, side)


def spans(length: int, side: int) -> list[tuple[int, int]]:
    """(start, end) of the tiles along one side of a picture: nearly equal, OVERLAP shared."""
    count = _along(length, side)
    starts = [i * (length - OVERLAP) // count // _STEP * _STEP for i in range(count)]
    return list(zip(starts, [start + OVERLAP for start in starts[1:]] + [length], strict=True))


class Canvas:
    """A picture that tiles are laid onto, in the order of `layout`.

    rgb: uint8 or uint16 `[H, W, 3]`, whole when the last tile has been laid.
    """

    def __init__(self, height: int, width: int, dtype: DTypeLike = np.uint8):
        self.rgb = np.empty((height, width, 3), dtype)
        self._row = self.rgb[:0]

    def lay(self, tile: Tile, pixels: np.ndarray) -> None:
        """One tile, `[h, w, 3]`. A row of them is put together before it is laid onto the row above."""
        height, width = self.rgb.shape[:2]
        if (tile.height, tile.width) == (height, width):
            self.rgb = pixels
            return
        if tile.left == 0:
            self._row = np.empty((tile.height, width, 3), self.rgb.dtype)
        _fade_in(self._row.swapaxes(0, 1), pixels.swapaxes(0, 1), tile.left)
        if tile.left + tile.width == width:
            _fade_in(self.rgb, self._row, tile.top)


def _along(length: int, side: int) -> int:
    """How many tiles lie along one side of a picture."""
    return 1 if length <= side else -(-(length - OVERLAP) // (side - OVERLAP - _STEP))


def _touched_along(
    found: list[tuple[int, int]], first: int, end: int
) -> list[tuple[int, tuple[int, int]]]:
    """Those that share a line with [first, end), with their numbers."""
    return [(i, span) for i, span in enumerate(found) if span[0] < end and first < span[1]]


def _fade_in(canvas: np.ndarray, part: np.ndarray, start: int) -> None:
    """Lay lines onto `canvas` from line `start` on, the first OVERLAP of them over what is there."""
    end = start + len(part)
    if start == 0:
        canvas[:end] = part
        return
    # In units of 1 / (2 OVERLAP), at the centres of pixels: of 16 bits below 2**22.
    weight = np.arange(1, 2 * OVERLAP, 2).reshape(-1, 1, 1)
    shared = canvas[start : start + OVERLAP].astype(np.int32) * (2 * OVERLAP - weight)
    shared += part[:OVERLAP].astype(np.int32) * weight
    canvas[start : start + OVERLAP] = (shared + OVERLAP) // (2 * OVERLAP)
    canvas[start + OVERLAP : end] = part[OVERLAP:]
