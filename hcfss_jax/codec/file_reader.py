"""The bytes of a file to its picture, or a part of it: each tile where it lies, checked against what was written."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from hcfss_jax import coding
from hcfss_jax.codec import carried
from hcfss_jax.codec.coded_tiles import CodedTile, coded_tiles
from hcfss_jax.codec.coder import Coder
from hcfss_jax.codec.limits import MAX_PIXELS
from hcfss_jax.codec.picture_stream import read_picture
from hcfss_jax.codec.preview import preview_picture, steps_to_read
from hcfss_jax.codec.region import Region, part_of
from hcfss_jax.codec.residual_section import apply_residual
from hcfss_jax.codec.tiles import Canvas, Progress, Tile, hull
from hcfss_jax.errors import (
    CorruptSection,
    TruncatedFile,
    UnknownModel,
    WrongWeights,
)
from hcfss_jax.pictures.bit_depth import dtype_of, rescaled


@dataclasses.dataclass(frozen=True)
class Reading:
    """How files are read.

    max_pixels: of what is decoded. progress: see `Progress`. region: what of the picture is asked for, None for all.
    steps: see `steps_to_read`. depth: bits a channel that colours are rounded to; the file's, or any other. exact:
    whether a file that tells its exact pixels is to give them. base: leave out the residual of a file that has one.
    """

    max_pixels: int = MAX_PIXELS
    progress: Progress = iter
    region: Region | None = None
    steps: int | None = None
    depth: int = 8
    exact: bool = True
    base: bool = False


@dataclasses.dataclass(frozen=True)
class Seen:
    """What was found in a file.

    rgb: `[h, w, 3]`, uint8, or from 9 bits on uint16. part: what of the picture that is. lost: of a file that is cut,
    what is not there, in words. inexact: whether exact pixels that the file tells, and that were asked for, were passed
    over for the sake of another depth.
    """

    rgb: np.ndarray
    part: Tile
    lost: str = ""
    inexact: bool = False


def read_file(
    coder: Coder,
    header: coding.Header,
    stream: bytes,
    sections: Mapping[int, bytes],
    how: Reading,
    missing: int = 0,
) -> Seen:
    """The decoded colours of what `coding.unpack` found in a file. missing: bytes, of a file that is cut.

    Of a tile that is cut, the steps that are there count; one of which nothing is there is grey. A residual is applied
    where all of the picture below it is there, and stands on exact pixels of 8 bits.
    Raises UnknownModel, WrongWeights, InvalidInput for a region or steps that are none, ImageTooLarge, CorruptSection,
    DecodeMismatch where the symbols are not those that were written, and TruncatedFile where nothing can be shown.
    """
    _check_header(coder, header)
    steps = steps_to_read(how.steps, coder.model.plan)
    wanted = part_of(how.region, header.height, header.width)
    all_is_here = (
        missing <= coding.CHECK_BYTES
    )  # but for the sum at the end, which is not looked at
    whole = not how.base and all_is_here and steps == len(coder.model.plan)
    if not whole or coding.Extra.RESIDUAL not in sections:
        seen = _read_part(coder, header, stream, sections, how, steps, wanted, missing)
        if seen.lost and coding.Extra.RESIDUAL in sections and not how.base:
            return dataclasses.replace(
                seen, lost=f"{seen.lost}; the picture is the one below its residual"
            )
        return seen
    exactly = dataclasses.replace(how, depth=8, exact=True)
    everything = Tile(0, 0, header.height, header.width)
    below = _read_part(coder, header, stream, sections, exactly, steps, everything, missing)
    depth, grey = carried.depth_of(sections), header.colour == "grey"
    rgb = apply_residual(sections, below.rgb, grey, depth, how.progress)
    return Seen(rescaled(wanted.of(rgb), depth, how.depth).copy(), wanted, below.lost)


def _read_part(
    coder: Coder,
    header: coding.Header,
    stream: bytes,
    sections: Mapping[int, bytes],
    how: Reading,
    steps: int,
    part: Tile,
    missing: int,
) -> Seen:
    """What a part of the picture decodes to, without a residual."""
    inexact = how.exact and how.depth != 8 and coding.Extra.EXACT in sections
    if inexact or not how.exact:
        sections = {kind: told for kind, told in sections.items() if kind != coding.Extra.EXACT}
    coded = coded_tiles(coder, header, stream, sections, how.max_pixels, part, missing)
    within = hull(each.tile for each in coded)
    canvas, known = Canvas(within.height, within.width, dtype_of(how.depth)), []
    with coder.computing():
        # What walks through the tiles is shown them where they lie.
        for _, each in zip(how.progress([each.tile for each in coded]), coded, strict=True):
            pixels, found = _decode(coder, each, header.quality, steps, how.depth)
            canvas.lay(each.tile.seen_from(within), pixels)
            known.append(found)
    lost = _lost(missing, known, steps, len(coder.model.plan)) if missing else ""
    if part == within:
        return Seen(canvas.rgb, part, lost, inexact)
    return Seen(part.seen_from(within).of(canvas.rgb).copy(), part, lost, inexact)


def _decode(
    coder: Coder, coded: CodedTile, quality: float, steps: int, depth: int
) -> tuple[np.ndarray, int]:
    """A tile of so many steps, or of those that are there, and how many these are."""
    tile, (checks, before) = coded.tile, (coded.checks, coded.before)
    passes, tables = coder.passes.of(tile.height, tile.width, depth), coder.tables
    coder.passes.foresee(passes, None)
    if steps == len(passes.plan) and not coded.cut:
        exact = coded.exact
        return read_picture(passes, tables, coded.stream, quality, checks, before, exact), steps
    pixels, known = preview_picture(
        passes, tables, coded.stream, coded.cut, quality, checks, before, steps
    )
    if pixels is None:
        pixels = np.full((tile.height, tile.width, 3), 1 << depth - 1, dtype_of(depth))  # grey
    return pixels, known


def _lost(missing: int, known: Sequence[int], steps: int, all_steps: int) -> str:
    """What of a file that is cut cannot be shown, in words. known: steps of each tile. Raises TruncatedFile for all."""
    if not any(known):
        raise TruncatedFile(
            f"the file is cut before anything that was asked for: {missing:,} bytes are missing, fetch it again"
        )
    whole, absent = list(known).count(steps), list(known).count(0)
    told = f"the file is cut, {missing:,} bytes are missing"
    if whole == len(known):
        return f"{told}, none of them of what is shown"
    if len(known) == 1:
        return f"{told}: shown are {known[0]} of {all_steps} steps"
    fewer = len(known) - whole - absent
    return f"{told}: of {len(known)} tiles {whole} are as asked for, {fewer} of fewer steps, and {absent} grey"


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
