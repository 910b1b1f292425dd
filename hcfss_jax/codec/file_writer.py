"""A picture to the bytes of a file: its tiles one after the other, and the sections around them."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hcfss_jax import coding
from hcfss_jax.codec.coder import Coder
from hcfss_jax.codec.compiled_model import PicturePasses
from hcfss_jax.codec.effort import NO_EFFORT, Effort, refining
from hcfss_jax.codec.exact_pixels import make_exact
from hcfss_jax.codec.limits import check_size, check_work
from hcfss_jax.codec.picture_stream import Analyse, Written, write_picture
from hcfss_jax.codec.residual_section import check_max_error, pack_residual
from hcfss_jax.codec.side_inputs import SideInputs, side_inputs_of
from hcfss_jax.codec.tiles import Canvas, Progress, Tile, layout
from hcfss_jax.errors import InvalidInput
from hcfss_jax.pictures.planes import Planes, luma


@dataclasses.dataclass(frozen=True)
class Writing:
    """How files are written.

    side: of the largest tile, pixels. progress: see `Progress`. step_checks: whether a file has a checksum of each
    step. given: what the encoder is told beside the picture. effort: what it does beyond one pass. analysis: of a
    tile's passes, in place of their own. exact: whether a file tells what its exact pixels are. max_error: how far the
    picture may be from the truth, with a residual on exact pixels of 8 bits; None for as far as the quality brings it.
    """

    side: int
    progress: Progress = iter
    step_checks: bool = False
    given: SideInputs = dataclasses.field(default_factory=dict)
    effort: Effort = NO_EFFORT
    analysis: Callable[[Tile, PicturePasses], Analyse] | None = None
    exact: bool = False
    max_error: int | None = None

    @property
    def exactly(self) -> bool:
        """Whether pixels are to be the same everywhere: a residual stands on them."""
        return self.exact or self.max_error is not None


def write_file(
    coder: Coder,
    planes: Planes,
    sections: Mapping[int, bytes],
    quality: float,
    how: Writing,
    look: Callable[[Tile, Written], None] | None = None,
) -> bytes:
    """The file of a picture and of what it carries, `sections`. look: is shown each tile, as it has been written.

    Raises ImageTooLarge, InvalidQuality, and InvalidInput for an effort, exact pixels or a bound that cannot be.
    """
    _check(how, planes.depth)
    header = _header(coder, planes, quality, how.side)
    room = coder.margins(header.quality)
    streams: list[bytes] = []
    of_steps: list[Sequence[int]] = []
    tiles = layout(header.height, header.width, how.side)
    refined = refining(coder.meta, header.quality, how.effort, tiles, how.given)
    of_pixels: list[coding.ExactTile] = []
    base = None if how.max_error is None else Canvas(header.height, header.width)
    with coder.computing():
        for tile in how.progress(tiles):
            passes = coder.passes.of(tile.height, tile.width, planes.depth)
            rgb = tile.of(planes.rgb)
            before = of_steps[-1][-1] if of_steps else 0
            told = side_inputs_of(how.given, tile, passes.size)
            if not how.analysis:
                coder.passes.foresee(passes, told)
            analyse = how.analysis(tile, passes) if how.analysis else passes.analyse
            analyse = refined(passes, analyse)
            written = write_picture(
                passes, coder.tables, rgb, header.quality, room, before, told, analyse
            )
            if how.exactly:
                written, told_exact = _exactly(written, coder.pixel_noise(header.quality))
                of_pixels.append(told_exact)
            streams.append(written.stream)
            of_steps.append(written.checks)
            if base:
                base.lay(tile, written.x_hat())
            if look:
                look(tile, written)
    checks = [of_tile[-1] for of_tile in of_steps]
    sections = {**sections, **_checks_and_tiles(streams, of_steps, how)}
    if how.exactly:
        sections[coding.Extra.EXACT] = coding.pack_exact(of_pixels)
    if base and how.max_error is not None:
        sections |= pack_residual(planes, base.rgb, how.max_error, how.progress)
    header = dataclasses.replace(header, symbols_crc=checks[-1])
    return coding.pack(header, b"".join(streams), sections)


def write_shown(
    coder: Coder,
    planes: Planes,
    sections: Mapping[int, bytes],
    quality: float,
    how: Writing,
) -> tuple[bytes, np.ndarray, float]:
    """`write_file`, with the picture that the decoder will show, `[H, W, 3]` at its depth, and what the model says its
    symbols cost, in bits."""
    height, width = planes.rgb.shape[:2]
    canvas, bits = Canvas(height, width, planes.rgb.dtype), 0.0

    def look(tile: Tile, written: Written) -> None:
        nonlocal bits
        canvas.lay(tile, written.x_hat())
        bits += written.bits

    data = write_file(coder, planes, sections, quality, how, look)
    shown = luma(canvas.rgb)[..., None].repeat(3, -1) if planes.grey else canvas.rgb
    return data, shown, bits


def _exactly(written: Written, noise: float) -> tuple[Written, coding.ExactTile]:
    """A tile with its exact pixels, of 8 bits, and what the file tells of them."""
    pixels, told = make_exact(written.floats(), noise)
    return dataclasses.replace(written, x_hat=lambda: pixels), told


def _check(how: Writing, depth: int) -> None:
    check_max_error(how.max_error, depth)
    if how.exact and how.max_error is None and depth > 8:
        raise InvalidInput(
            f"exact pixels are of 8 bits a channel, and this picture has {depth}: leave out exact, or take max_error"
        )


def _checks_and_tiles(
    streams: Sequence[bytes], of_steps: Sequence[Sequence[int]], how: Writing
) -> dict[int, bytes]:
    sections: dict[int, bytes] = {}
    if len(streams) > 1:
        checks = [of_tile[-1] for of_tile in of_steps]
        table = coding.TileTable(how.side, list(map(len, streams)), checks)
        sections[coding.Extra.TILES] = table.pack()
    if how.step_checks:
        sections[coding.Extra.STEP_CHECKS] = np.array(of_steps, "<u4").tobytes()
    return sections


def _header(coder: Coder, planes: Planes, quality: float, side: int) -> coding.Header:
    height, width = planes.rgb.shape[:2]
    check_size(height, width)
    check_work(coder.model, height, width, side)
    coder.check_quality(quality)
    return coding.Header(
        model=coder.name,
        fingerprint=coder.fingerprint,
        width=width,
        height=height,
        colour="grey" if planes.grey else "rgb",
        quality=round(float(quality) * coding.QUALITY_STEPS) / coding.QUALITY_STEPS,
    )
