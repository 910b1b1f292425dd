"""The tiles of a file as it holds them: where each lies, its stream, and what its symbols are checked by."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from hcfss_jax import coding
from hcfss_jax.codec.coder import Coder
from hcfss_jax.codec.limits import check_part, check_work
from hcfss_jax.codec.tiles import (
    LARGEST_TILE,
    SMALLEST_TILE,
    Tile,
    hull,
    layout,
    tile_count,
    touched,
)
from hcfss_jax.errors import CorruptSection, ImageTooLarge


@dataclasses.dataclass(frozen=True)
class CodedTile:
    """A tile of a file.

    tile: where it lies. stream: its own, and length, how many bytes that has where none is missing. checks: that
    `read_picture` takes. before: the check of all tiles before it. exact: what is told of its pixels, if anything is.
    """

    tile: Tile
    stream: bytes
    length: int
    checks: Sequence[int]
    before: int
    exact: coding.ExactTile | None = None

    @property
    def cut(self) -> bool:
        """Whether bytes are missing at the end of its stream."""
        return len(self.stream) < self.length


def coded_tiles(
    coder: Coder,
    header: coding.Header,
    stream: bytes,
    sections: Mapping[int, bytes],
    max_pixels: int,
    part: Tile,
    missing: int,
) -> list[CodedTile]:
    """The tiles that a part of the picture lies in. missing: bytes at the end of the file.

    Raises ImageTooLarge, and CorruptSection for contradictions.
    """
    whole = (part.height, part.width) == (header.height, header.width)
    if whole:
        _check_pixels(part, max_pixels)
    of_stream = max(0, missing - coding.CHECK_BYTES)
    table = _table(header, len(stream) + of_stream, sections)
    if whole:
        # Before a list of tiles is made: a thin picture has many.
        check_work(coder.model, part.height, part.width, table.side, max_pixels)
    tiles = touched(header.height, header.width, table.side, part)
    if not whole:
        _check_pixels(hull(tiles.values()), max_pixels)
        check_part(coder.model, [*tiles.values()], max_pixels)
        if coding.Extra.ALPHA in sections:  # which is one piece
            _check_pixels(Tile(0, 0, header.height, header.width), max_pixels)
    streams = table.cut(stream, of_stream)
    checks = _step_checks(coder, sections, table.checks)
    before = [0, *(of_tile[-1] for of_tile in checks)]
    exact = _exact_pixels(header, table.side, sections)
    return [
        CodedTile(tile, streams[i], table.lengths[i], checks[i], before[i], exact.get(i))
        for i, tile in tiles.items()
    ]


def _check_pixels(decoded: Tile, max_pixels: int) -> None:
    if decoded.height * decoded.width > max_pixels:
        raise ImageTooLarge(
            f"{decoded.width}x{decoded.height} pixels are to be decoded, more than the limit of {max_pixels}: "
            "ask for a region, or raise max_pixels if you trust the file"
        )


def tile_sizes(
    header: coding.Header, stream: bytes, sections: Mapping[int, bytes]
) -> list[tuple[int, int]]:
    """Height and width of the tiles of a file, each that there is once; of a picture in one piece its own.

    Raises CorruptSection for contradictions.
    """
    side = _table(header, len(stream), sections).side
    tiles = layout(header.height, header.width, side)
    return list(dict.fromkeys((tile.height, tile.width) for tile in tiles))


def _table(header: coding.Header, length: int, sections: Mapping[int, bytes]) -> coding.TileTable:
    """How a stream of so many bytes is cut into tiles; that of a picture in one piece, into one.

    Raises CorruptSection for contradictions.
    """
    height, width = header.height, header.width
    if coding.Extra.TILES not in sections:
        if max(height, width) > LARGEST_TILE:
            raise CorruptSection(f"{width}x{height} pixels in one piece: the tiles are missing")
        return coding.TileTable(LARGEST_TILE, [length], [header.symbols_crc])
    table = coding.TileTable.unpack(sections[coding.Extra.TILES])
    if not SMALLEST_TILE <= table.side <= LARGEST_TILE:
        raise CorruptSection(f"the file claims tiles of {table.side} pixels a side")
    count = tile_count(height, width, table.side)
    if count < 2 or count != len(table.checks) or table.checks[-1] != header.symbols_crc:
        raise CorruptSection("the tiles are not those of a picture of this size")
    return table


def _exact_pixels(
    header: coding.Header, side: int, sections: Mapping[int, bytes]
) -> Mapping[int, coding.ExactTile]:
    """What is told of the pixels of each tile, by its number, if anything is. Raises CorruptSection, TruncatedFile."""
    if (section := sections.get(coding.Extra.EXACT)) is None:
        return {}
    tiles = layout(header.height, header.width, side)
    values = [3 * tile.height * tile.width for tile in tiles]
    return dict(enumerate(coding.unpack_exact(section, values)))


def _step_checks(
    coder: Coder, sections: Mapping[int, bytes], checks: Sequence[int]
) -> Sequence[Sequence[int]]:
    """For each tile the checks that `read_picture` takes. Raises CorruptSection where they contradict others."""
    if (section := sections.get(coding.Extra.STEP_CHECKS)) is None:
        return [[check] for check in checks]
    shape = len(checks), len(coder.model.plan)
    if len(section) != 4 * shape[0] * shape[1]:
        raise CorruptSection(
            f"{len(section)} bytes of checks for {shape[1]} steps of {shape[0]} tiles"
        )
    found = np.frombuffer(section, "<u4").reshape(shape).tolist()
    if [steps[-1] for steps in found] != list(checks):
        raise CorruptSection("the checks of the steps are not those of the picture")
    return found
