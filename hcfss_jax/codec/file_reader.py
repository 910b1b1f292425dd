"""The bytes of a file to its picture, or a part of it: each tile where it lies, checked against what was written."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from hcfss_jax import coding
from hcfss_jax.codec.coder import Coder
from hcfss_jax.codec.limits import MAX_PIXELS, check_part, check_work
from hcfss_jax.codec.picture_stream import read_picture
from hcfss_jax.codec.region import Region, part_of
from hcfss_jax.codec.tiles import (
    LARGEST_TILE,
    SMALLEST_TILE,
    Canvas,
    Progress,
    Tile,
    hull,
    tile_count,
    touched,
)
from hcfss_jax.errors import CorruptSection, ImageTooLarge, UnknownModel, WrongWeights


@dataclasses.dataclass(frozen=True)
class Reading:
    """How files are read.

    max_pixels: of what is decoded. progress: see `Progress`. region: what of the picture is asked for, None for all.
    """

    max_pixels: int = MAX_PIXELS
    progress: Progress = iter
    region: Region | None = None


@dataclasses.dataclass(frozen=True)
class _Coded:
    """A tile as a file holds it: where it lies, its stream, the checks that `read_picture` takes, and that before."""

    tile: Tile
    stream: bytes
    checks: Sequence[int]
    before: int


def read_file(
    coder: Coder,
    header: coding.Header,
    stream: bytes,
    sections: Mapping[int, bytes],
    how: Reading,
) -> tuple[np.ndarray, Tile]:
    """The decoded colours of what `coding.unpack` found in a file, uint8 `[h, w, 3]`, and what of the picture they are.

    Raises UnknownModel, WrongWeights, InvalidInput for a region that is none, ImageTooLarge, CorruptSection, and
    DecodeMismatch where the symbols are not those that were written.
    """
    _check_header(coder, header)
    part = part_of(how.region, header.height, header.width)
    coded = _coded(coder, header, stream, sections, how.max_pixels, part)
    within = hull(each.tile for each in coded)
    canvas = Canvas(within.height, within.width)
    with coder.computing():
        # What walks through the tiles is shown them where they lie.
        for _, each in zip(how.progress([each.tile for each in coded]), coded, strict=True):
            passes = coder.passes.of(each.tile.height, each.tile.width)
            pixels = read_picture(
                passes, coder.tables, each.stream, header.quality, each.checks, each.before
            )
            canvas.lay(each.tile.seen_from(within), pixels)
    if part == within:
        return canvas.rgb, part
    return part.seen_from(within).of(canvas.rgb).copy(), part


def _check_header(coder: Coder, header: coding.Header) -> None:
    if header.model != coder.name:
        raise UnknownModel(
            f"the file was written with {header.model!r}, this codec is {coder.name!r}: "
            "load that model's weights"
        )
    if header.fingerprint != coder.fingerprint:
        raise WrongWeights(
            f"the file was written with weights {header.fingerprint.hex()} of {coder.name}, "
            f"these are {coder.fingerprint.hex()}: load the weights it was written with"
        )
    if not 1 <= header.quality <= coder.levels:
        raise CorruptSection(f"the file claims quality {header.quality} of {coder.levels}")


def _coded(
    coder: Coder,
    header: coding.Header,
    stream: bytes,
    sections: Mapping[int, bytes],
    max_pixels: int,
    part: Tile,
) -> list[_Coded]:
    """The tiles that a part of the picture lies in. Raises ImageTooLarge, and CorruptSection for contradictions."""
    table = _table(header, stream, sections)
    whole = (part.height, part.width) == (header.height, header.width)
    if whole:
        # Before a list of tiles is made: a thin picture has many.
        _check_pixels(part, max_pixels)
        check_work(coder.model, part.height, part.width, table.side, max_pixels)
    tiles = touched(header.height, header.width, table.side, part)
    if not whole:
        _check_pixels(hull(tiles.values()), max_pixels)
        check_part(coder.model, [*tiles.values()], max_pixels)
        if coding.Extra.ALPHA in sections:  # which is one piece
            _check_pixels(Tile(0, 0, header.height, header.width), max_pixels)
    streams, checks = table.cut(stream), _step_checks(coder, sections, table.checks)
    before = [0, *(of_tile[-1] for of_tile in checks)]
    return [_Coded(tile, streams[i], checks[i], before[i]) for i, tile in tiles.items()]


def _check_pixels(decoded: Tile, max_pixels: int) -> None:
    if decoded.height * decoded.width > max_pixels:
        raise ImageTooLarge(
            f"{decoded.width}x{decoded.height} pixels are to be decoded, more than the limit of {max_pixels}: "
            "ask for a region, or raise max_pixels if you trust the file"
        )


def _table(header: coding.Header, stream: bytes, sections: Mapping[int, bytes]) -> coding.TileTable:
    """How a file is cut into tiles; of a picture in one piece, into one. Raises CorruptSection for contradictions."""
    height, width = header.height, header.width
    if coding.Extra.TILES not in sections:
        if max(height, width) > LARGEST_TILE:
            raise CorruptSection(f"{width}x{height} pixels in one piece: the tiles are missing")
        return coding.TileTable(LARGEST_TILE, [len(stream)], [header.symbols_crc])
    table = coding.TileTable.unpack(sections[coding.Extra.TILES])
    if not SMALLEST_TILE <= table.side <= LARGEST_TILE:
        raise CorruptSection(f"the file claims tiles of {table.side} pixels a side")
    count = tile_count(height, width, table.side)
    if count < 2 or count != len(table.checks) or table.checks[-1] != header.symbols_crc:
        raise CorruptSection("the tiles are not those of a picture of this size")
    return table


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
