"""The bytes of a file to its picture: each tile where it lies, checked against what was written."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from hcfss_jax import coding
from hcfss_jax.codec.coder import Coder
from hcfss_jax.codec.limits import MAX_PIXELS, check_work
from hcfss_jax.codec.picture_stream import read_picture
from hcfss_jax.codec.residual_section import apply_residual
from hcfss_jax.codec.tiles import (
    LARGEST_TILE,
    SMALLEST_TILE,
    Canvas,
    Progress,
    Tile,
    layout,
    tile_count,
)
from hcfss_jax.errors import CorruptSection, ImageTooLarge, UnknownModel, WrongWeights


def read_file(
    coder: Coder,
    header: coding.Header,
    stream: bytes,
    sections: Mapping[int, bytes],
    max_pixels: int = MAX_PIXELS,
    progress: Progress = iter,
    exact: bool = True,
    base: bool = False,
) -> np.ndarray:
    """The decoded colours, uint8 `[H, W, 3]`, of what `coding.unpack` found in a file.

    exact: whether a file that tells its exact pixels is to give them; else they are as this machine rounds them.
    base: leave out the residual of a file that has one.
    Raises UnknownModel, WrongWeights, ImageTooLarge, CorruptSection, and DecodeMismatch where the symbols, or exact
    pixels, are not those that were written.
    """
    _check_header(coder, header, max_pixels)
    tiles, streams, checks = _tiles_of(coder, header, stream, sections, max_pixels)
    of_steps = _step_checks(coder, sections, checks)
    residual = None if base else sections.get(coding.Extra.RESIDUAL)
    exact |= residual is not None  # which stands on exact pixels
    of_pixels = _exact_pixels(sections if exact else {}, tiles)
    canvas, crc = Canvas(header.height, header.width), 0
    with coder.computing():
        parts = zip(progress(tiles), streams, of_steps, of_pixels, strict=True)
        for tile, part, check, told in parts:
            passes = coder.passes.of(tile.height, tile.width)
            rgb = read_picture(passes, coder.tables, part, header.quality, check, crc, told)
            canvas.lay(tile, rgb)
            crc = check[-1]
    if residual is not None:
        return apply_residual(residual, canvas.rgb, header.colour == "grey", progress)
    return canvas.rgb


def _check_header(coder: Coder, header: coding.Header, max_pixels: int) -> None:
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
    if header.height * header.width > max_pixels:
        raise ImageTooLarge(
            f"the file claims {header.width}x{header.height} pixels, more than the limit of "
            f"{max_pixels}: raise max_pixels if you trust it"
        )
    if not 1 <= header.quality <= coder.levels:
        raise CorruptSection(f"the file claims quality {header.quality} of {coder.levels}")


def _tiles_of(
    coder: Coder,
    header: coding.Header,
    stream: bytes,
    sections: Mapping[int, bytes],
    max_pixels: int,
) -> tuple[list[Tile], list[bytes], Sequence[int]]:
    """The tiles of a file, their streams, and the checks after each.

    Raises CorruptSection where they contradict each other.
    """
    height, width = header.height, header.width
    if coding.Extra.TILES not in sections:
        if max(height, width) > LARGEST_TILE:
            raise CorruptSection(f"{width}x{height} pixels in one piece: the tiles are missing")
        return layout(height, width), [stream], [header.symbols_crc]
    table = coding.TileTable.unpack(sections[coding.Extra.TILES])
    if not SMALLEST_TILE <= table.side <= LARGEST_TILE:
        raise CorruptSection(f"the file claims tiles of {table.side} pixels a side")
    count = tile_count(height, width, table.side)
    if count < 2 or count != len(table.checks) or table.checks[-1] != header.symbols_crc:
        raise CorruptSection("the tiles are not those of a picture of this size")
    check_work(coder.model, height, width, table.side, max_pixels)
    return layout(height, width, table.side), table.cut(stream), table.checks


def _exact_pixels(
    sections: Mapping[int, bytes], tiles: Sequence[Tile]
) -> Sequence[coding.ExactTile | None]:
    """What is told of the pixels of each tile. Raises CorruptSection or TruncatedFile."""
    if (section := sections.get(coding.Extra.EXACT)) is None:
        return [None] * len(tiles)
    return coding.unpack_exact(section, [math.prod((t.height, t.width, 3)) for t in tiles])


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
