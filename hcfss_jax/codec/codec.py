"""The codec: an image to the bytes of an `.hcf` file, and back.

Pools of processes have to be started by spawn (`multiprocessing.get_context("spawn")`), each loading its own codec: JAX
does not survive a fork, and a codec in a forked process raises ForkedProcess. Threads may share a codec.
"""

import contextlib
import dataclasses
import functools
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from flax.errors import FlaxError
from PIL import Image

from hcfss_jax import coding
from hcfss_jax.codec import carried
from hcfss_jax.codec.compiled_model import CodingPasses, arrays_of
from hcfss_jax.codec.picture_stream import Written, read_picture, write_picture
from hcfss_jax.codec.side_inputs import SideInputs, read_side_inputs, side_inputs_of
from hcfss_jax.codec.tiles import LARGEST_TILE, SMALLEST_TILE, Canvas, Tile, layout, tile_count
from hcfss_jax.entropy.margins import margins
from hcfss_jax.errors import (
    CorruptSection,
    ImageTooLarge,
    InvalidInput,
    InvalidQuality,
    LeftOut,
    NotAnHcfFile,
    UnknownModel,
    WrongWeights,
)
from hcfss_jax.models import restore_model
from hcfss_jax.models.contracts import ModelFactory, factory_by_name, made_by
from hcfss_jax.models.rehearsal import rehearse
from hcfss_jax.pictures.images import ByteSource, ImageSource, Planes, bytes_of, read_image, to_pil
from hcfss_jax.pictures.mask import MaskSource
from hcfss_jax.runtime.forked import check_not_forked, note_codec
from hcfss_jax.weights import WeightPackage, check_parameters, load_package, shipped_with

MAX_PIXELS = 2 * 89_478_485  # twice Pillow's warning, where Pillow itself refuses an image
_DEFAULT_QUALITY = 4.0
_ARRAYS_OVER_PIXELS = (
    4  # just above 2048 pixels a side the arrays of tiles hold nearly four times the picture
)
Progress = Callable[[Sequence[Tile]], Iterable[Tile]]


@dataclasses.dataclass(frozen=True)
class Encoded:
    """A compressed picture and what is known of it.

    data: the whole file. x_hat: uint8 `[H, W, 3]`, what the decoder will make of it, to the bit;
    of a grey picture, three times its one channel.
    estimated_bits: what the model says its symbols cost, in bits, without the file around them.
    """

    data: bytes
    x_hat: np.ndarray
    estimated_bits: float


class Codec:
    """A model with its weights and tables, ready to code; a value, nothing in it is built or updated later.

    Attributes:
      name: of the model.
      config: the fields of its configuration.
      fingerprint: 4 bytes of the weights, which every file carries.
      parameter_count: numbers that the model has learned.
      levels: rate levels; quality runs from 1 to this.
      default_quality: what is meant where none is given: 4, or the highest below.
      model, params, tables: the Flax module, its parameters and the coder's integers, for what else one does with them.
      package: what it was made from.
      meta: where the weights come from.
    """

    def __init__(
        self,
        package: WeightPackage,
        tile: int = LARGEST_TILE,
        model: ModelFactory | str | None = None,
    ):
        """tile: the largest picture that is coded in one piece, and the largest part of others; pixels a side.

        A smaller one takes less memory for large pictures, and a little more of the file. model: makes the Flax module
        of a package whose model is not one of ours, from its name and config, or names what does,
        "package.module:function". Raises UnknownModel or WrongWeights where this version has no such model,
        InvalidInput for one that breaks its contract, ValueError for a tile that no file may have, ForkedProcess in a
        process that cannot compute.
        """
        check_not_forked()
        note_codec()
        if not SMALLEST_TILE <= tile <= LARGEST_TILE:
            raise ValueError(f"tile {tile}: {SMALLEST_TILE} to {LARGEST_TILE} pixels a side")
        self._tile = tile
        self.name, self.config, self.meta = package.name, package.config, package.meta
        self.fingerprint, self.parameter_count = package.fingerprint, package.parameter_count
        factory = factory_by_name(model) if isinstance(model, str) else model
        try:
            self.model = made_by(factory or _restored, package.name, package.config)
        except UnknownModel as error:
            raise UnknownModel(f"{error}{_maker(package)}") from error
        except (TypeError, ValueError) as error:
            raise WrongWeights(f"the weights do not fit {package.name}: {error}") from error
        if factory:
            rehearse(self.model)
        self.levels = int(package.config["levels"])
        self.default_quality = min(_DEFAULT_QUALITY, float(self.levels))
        self.package = package
        self.params, self.tables = package.params, package.tables
        self._passes = CodingPasses(self.model, package.params)
        try:
            self._margins(quality=1)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise WrongWeights(f"what the weights say of noise is no record: {error}") from error

    def compress(
        self,
        image: ImageSource,
        quality: float | None = None,
        progress: Progress = iter,
        strip: bool = False,
        step_checks: bool = False,
        roi: MaskSource | None = None,
        given: Mapping[str, Any] = {},
    ) -> bytes:
        """An image to the bytes of an `.hcf` file.

        Args:
          image: a path, bytes, an open file, a PIL image, or an array of NumPy, JAX or the like: uint8
            `[H, W, 3]`, `[H, W, 4]` with alpha, `[H, W]` or `[H, W, 1]` grey.
          quality: 1 to `levels`, fractions allowed; higher is better and larger. None for `default_quality`.
          progress: what the list of tiles is walked through; `tqdm` shows a bar.
          strip: leave out EXIF, XMP and the density in dots an inch. The colour profile stays: pixels need it.
          step_checks: write a checksum for each coding step, 4 bytes: a machine that cannot read the file can say where
            its symbols begin to differ.
          roi: a mask of what is of interest, for a model that takes one, of the size of the upright image: a path,
            bytes, an open file or a PIL image, white where it is; or an array `[H, W]` of bool, of floats in [0, 1] or
            of uint8. The quality is that of what is of interest; the rest is coarser. None: all of the image is.
          given: what else the encoder is told beside the image, by name: "mask", which is `roi`; "text", an embedding
            of 768 floats, of the encoder of texts that the weights were trained with, or a text, of which the built-in
            stand-in makes one (`hcfss_jax.texts`).

        Warns:
          LeftOut: of what the image carries and the file does not.

        Raises:
          UnsupportedImage: what Pillow cannot read, or more than 8 bits a channel.
          ImageTooLarge: more than MAX_PIXELS, or a side longer than the format holds.
          InvalidQuality: outside the range, or no number.
          InvalidInput: a mask or a text that the model does not take, or of another size.
          ForkedProcess: in a process forked from one that had a codec.
        """
        planes = _planes(image, strip)
        sections, told = carried.from_planes(planes), self._told(planes, roi, given)
        return self._write(
            planes, sections, quality, progress=progress, step_checks=step_checks, given=told
        )

    def encode(
        self,
        image: ImageSource,
        quality: float | None = None,
        roi: MaskSource | None = None,
        given: Mapping[str, Any] = {},
    ) -> Encoded:
        """`compress`, with the picture that the decoder will make and the model's estimate."""
        planes = _planes(image)
        told = self._told(planes, roi, given)
        canvas, bits = Canvas(*planes.rgb.shape[:2]), 0.0

        def look(tile: Tile, written: Written) -> None:
            nonlocal bits
            canvas.lay(tile, written.x_hat())
            bits += written.bits

        data = self._write(planes, carried.from_planes(planes), quality, look, given=told)
        shown = to_pil(Planes(canvas.rgb, grey=planes.grey))
        return Encoded(data, np.asarray(shown.convert("RGB")), bits)

    def decompress(
        self, data: ByteSource, max_pixels: int = MAX_PIXELS, progress: Progress = iter
    ) -> Image.Image:
        """An `.hcf` file to the image, in the colour mode in which it came; what it carries is in its `info`.

        A file of other weights that come with the library is read with those.

        data: the file's bytes, its path, or the open file. progress: as of `compress`.

        Raises:
          OSError: a file that cannot be read.
          NotAnHcfFile, TruncatedFile, CorruptSection: by what is wrong with the bytes.
          UnknownModel, WrongWeights: the file was written with another model or other weights.
          ImageTooLarge: more pixels than `max_pixels`.
          DecodeMismatch: the symbols are not those that were written.
          ForkedProcess: as `compress`.
        """
        file = bytes_of(data)
        if file is None:
            raise NotAnHcfFile(
                f"{type(data).__name__} {data!r:.40} is no file: give a path, bytes, or a file "
                "open for reading bytes"
            )
        header, stream, sections = coding.unpack(file)
        ours = (header.model, header.fingerprint) == (self.name, self.fingerprint)
        # Weights that come with the library read what they wrote, whichever of them the user has at hand.
        if not ours and (name := shipped_with(header.model, header.fingerprint)):
            return _shipped(name).decompress(file, max_pixels, progress)
        self._check(header, max_pixels)
        rgb = self._read(header, stream, sections, max_pixels, progress)
        return to_pil(carried.to_planes(rgb, header.colour, sections))

    def target_bpp(
        self,
        image: ImageSource,
        bpp: float,
        progress: Progress = iter,
        strip: bool = False,
        roi: MaskSource | None = None,
        given: Mapping[str, Any] = {},
    ) -> tuple[bytes, float]:
        """The best quality that stays within `bpp` bits a pixel of the whole file, found in about ten attempts.

        progress: as of `compress`, once for each attempt. strip, roi, given: as of `compress`.

        Returns:
          The file, and the quality found, in steps of the format.

        Raises:
          InvalidQuality: even quality 1 takes more, or `bpp` is no rate.
          UnsupportedImage, ImageTooLarge, InvalidInput, ForkedProcess: as `compress`. It warns as `compress` does, too.
        """
        if not (_is_number(bpp) and bpp > 0):
            raise InvalidQuality(f"{bpp} bpp: a rate is more than 0 bits a pixel")
        planes = _planes(image, strip)
        sections, told = carried.from_planes(planes), self._told(planes, roi, given)

        def write(quality: float) -> bytes:
            return self._write(planes, sections, quality, progress=progress, given=told)

        pixels = planes.rgb.shape[0] * planes.rgb.shape[1]
        steps_of = coding.QUALITY_STEPS
        best, low, high = write(1), 0, (self.levels - 1) * steps_of
        if 8 * len(best) > bpp * pixels:
            raise InvalidQuality(
                f"{bpp} bpp is out of reach: quality 1 takes {8 * len(best) / pixels:.3f} bpp"
            )
        while low < high:
            middle = (low + high + 1) // 2
            data = write(1 + middle / steps_of)
            if 8 * len(data) <= bpp * pixels:
                best, low = data, middle
            else:
                high = middle - 1
        return best, 1 + low / steps_of

    def check_quality(self, quality: float) -> None:
        """Raises InvalidQuality for a quality that this model does not offer."""
        if not (_is_number(quality) and 1 <= quality <= self.levels):
            shown = f"{quality:g}" if _is_number(quality) else repr(quality)
            raise InvalidQuality(f"quality {shown}: {self.name} offers 1 to {self.levels}")

    def _write(
        self,
        planes: Planes,
        sections: Mapping[int, bytes],
        quality: float | None,
        look: Callable[[Tile, Written], None] | None = None,
        progress: Progress = iter,
        step_checks: bool = False,
        given: Mapping[str, np.ndarray] = {},
    ) -> bytes:
        """The file of an image and its extra sections. look: is shown each tile, as it has been written."""
        header = self._header(planes, self.default_quality if quality is None else quality)
        room = self._margins(header.quality)
        streams: list[bytes] = []
        of_steps: list[Sequence[int]] = []
        with self._fitting():
            for tile in progress(layout(header.height, header.width, self._tile)):
                passes = self._passes.of(tile.height, tile.width)
                rgb = tile.of(planes.rgb)
                before = of_steps[-1][-1] if of_steps else 0
                told = side_inputs_of(given, tile, passes.size)
                written = write_picture(
                    passes, self.tables, rgb, header.quality, room, before, told
                )
                streams.append(written.stream)
                of_steps.append(written.checks)
                if look:
                    look(tile, written)
        checks = [of_tile[-1] for of_tile in of_steps]
        if len(streams) > 1:
            table = coding.TileTable(self._tile, list(map(len, streams)), checks)
            sections = {**sections, coding.Extra.TILES: table.pack()}
        if step_checks:
            sections = {**sections, coding.Extra.STEP_CHECKS: np.array(of_steps, "<u4").tobytes()}
        header = dataclasses.replace(header, symbols_crc=checks[-1])
        return coding.pack(header, b"".join(streams), sections)

    def _told(self, planes: Planes, roi: MaskSource | None, given: Mapping[str, Any]) -> SideInputs:
        """What the encoder is given beside an image. Raises InvalidInput for what it does not take."""
        if roi is not None:
            if given.get("mask") is not None:
                raise InvalidInput("roi and given['mask'] are the same: give one of them")
            given = {**given, "mask": roi}
        return read_side_inputs(self.model, self.name, given, *planes.rgb.shape[:2])

    def _margins(self, quality: float) -> list[float]:
        return margins(self.meta.get("noise"), quality, self.model.plan)

    def _read(
        self,
        header: coding.Header,
        stream: bytes,
        sections: Mapping[int, bytes],
        max_pixels: int,
        progress: Progress,
    ) -> np.ndarray:
        """uint8 `[H, W, 3]`; DecodeMismatch where the symbols are not those that were written."""
        tiles, streams, checks = self._tiles_of(header, stream, sections, max_pixels)
        of_steps = self._step_checks(sections, checks)
        canvas, crc = Canvas(header.height, header.width), 0
        with self._fitting():
            for tile, part, check in zip(progress(tiles), streams, of_steps, strict=True):
                passes = self._passes.of(tile.height, tile.width)
                rgb = read_picture(passes, self.tables, part, header.quality, check, crc)
                canvas.lay(tile, rgb)
                crc = check[-1]
        return canvas.rgb

    def _step_checks(
        self, sections: Mapping[int, bytes], checks: Sequence[int]
    ) -> Sequence[Sequence[int]]:
        """For each tile the checks that `read_picture` takes. Raises CorruptSection where they contradict others."""
        if (section := sections.get(coding.Extra.STEP_CHECKS)) is None:
            return [[check] for check in checks]
        shape = len(checks), len(self.model.plan)
        if len(section) != 4 * shape[0] * shape[1]:
            raise CorruptSection(
                f"{len(section)} bytes of checks for {shape[1]} steps of {shape[0]} tiles"
            )
        found = np.frombuffer(section, "<u4").reshape(shape).tolist()
        if [steps[-1] for steps in found] != list(checks):
            raise CorruptSection("the checks of the steps are not those of the picture")
        return found

    def _tiles_of(
        self,
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
        self._check_work(height, width, table.side, max_pixels)
        return layout(height, width, table.side), table.cut(stream), table.checks

    def _check_work(self, height: int, width: int, side: int, max_pixels: int) -> None:
        """Raises ImageTooLarge for a picture so thin that each of its tiles fills little of its arrays."""
        if (count := tile_count(height, width, side)) < 2:
            return
        limit = _ARRAYS_OVER_PIXELS * max(max_pixels, LARGEST_TILE**2)
        tiles = layout(height, width, side) if count * SMALLEST_TILE**2 <= limit else []
        sizes = (arrays_of(self.model, tile.height, tile.width) for tile in tiles)
        if not tiles or sum(rows * columns for rows, columns in sizes) > limit:
            raise ImageTooLarge(
                f"{width}x{height} pixels are too thin to be worth their tiles: "
                "cut the image into parts, or raise max_pixels for a file that you trust"
            )

    @contextlib.contextmanager
    def _fitting(self) -> Iterator[None]:
        """Names the parameters that do not fit the model, which Flax finds out when they are used."""
        check_not_forked()
        try:
            yield
        except FlaxError:
            check_parameters(self.package, self.model)
            raise

    def _header(self, planes: Planes, quality: float) -> coding.Header:
        height, width = planes.rgb.shape[:2]
        if height * width > MAX_PIXELS:
            raise ImageTooLarge(
                f"{width}x{height} pixels, more than {MAX_PIXELS}: cut the image into parts"
            )
        if max(height, width) > coding.LARGEST_SIDE:
            raise ImageTooLarge(
                f"{width}x{height} pixels, a side above {coding.LARGEST_SIDE}: cut the image into parts"
            )
        self._check_work(height, width, self._tile, MAX_PIXELS)
        self.check_quality(quality)
        return coding.Header(
            model=self.name,
            fingerprint=self.fingerprint,
            width=width,
            height=height,
            colour="grey" if planes.grey else "rgb",
            quality=round(float(quality) * coding.QUALITY_STEPS) / coding.QUALITY_STEPS,
        )

    def _check(self, header: coding.Header, max_pixels: int) -> None:
        if header.model != self.name:
            raise UnknownModel(
                f"the file was written with {header.model!r}, this codec is {self.name!r}: "
                "load that model's weights"
            )
        if header.fingerprint != self.fingerprint:
            raise WrongWeights(
                f"the file was written with weights {header.fingerprint.hex()} of {self.name}, "
                f"these are {self.fingerprint.hex()}: load the weights it was written with"
            )
        if header.height * header.width > max_pixels:
            raise ImageTooLarge(
                f"the file claims {header.width}x{header.height} pixels, more than the limit of "
                f"{max_pixels}: raise max_pixels if you trust it"
            )
        if not 1 <= header.quality <= self.levels:
            raise CorruptSection(f"the file claims quality {header.quality} of {self.levels}")


def load(name_or_path: str | os.PathLike[str], model: ModelFactory | str | None = None) -> Codec:
    """The codec of weights that come with the library, by name, or of a weight package, by path.

    model: see `Codec`. Raises UnknownModel for a name that is none, WrongWeights for a file that is no weight package,
    ForkedProcess in a process forked from one that had a codec.
    """
    check_not_forked()
    return Codec(load_package(name_or_path), model=model)


def _maker(package: WeightPackage) -> str:
    """What a package says of who made its model, where that was not this library."""
    try:
        made_by = package.meta["experiment"]["model"]["factory"]
    except (KeyError, TypeError):
        return ""
    return f"; what made this model was {made_by}: name it (--model-factory, or model=)" * bool(
        made_by
    )


def _restored(name: str, **config: Any) -> Any:
    return restore_model(name, config)


@functools.cache
def _shipped(name: str) -> Codec:
    """Read once for all files."""
    return load(name)


def _planes(image: ImageSource, strip: bool = False) -> Planes:
    """An image taken apart, with a warning for each of its notes, given to whoever calls the codec."""
    planes = read_image(image, strip)
    for note in planes.notes:
        warnings.warn(f"the image {note}", LeftOut, stacklevel=3)
    return planes


def _is_number(value: Any) -> bool:
    """Also a scalar of NumPy or JAX."""
    if isinstance(value, bool | str | bytes):
        return False
    try:
        float(value)
    except (OverflowError, TypeError, ValueError):
        return False
    return True
