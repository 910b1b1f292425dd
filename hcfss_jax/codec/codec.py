"""The codec: an image to the bytes of an `.hcf` file, and back.

Pools of processes have to be started by spawn (`multiprocessing.get_context("spawn")`), each loading its own codec: JAX
does not survive a fork, and a codec in a forked process raises ForkedProcess. Threads may share a codec.
"""

import dataclasses
import functools
import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from hcfss_jax import coding
from hcfss_jax.codec import carried
from hcfss_jax.codec.coder import Coder, is_number
from hcfss_jax.codec.file_reader import read_file
from hcfss_jax.codec.file_writer import Writing, write_file
from hcfss_jax.codec.limits import MAX_PIXELS
from hcfss_jax.codec.picture_stream import Written
from hcfss_jax.codec.side_inputs import SideInputs, read_side_inputs
from hcfss_jax.codec.tiles import LARGEST_TILE, SMALLEST_TILE, Canvas, Progress, Tile
from hcfss_jax.errors import (
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
from hcfss_jax.weights import WeightPackage, load_package, shipped_with

_DEFAULT_QUALITY = 4.0
_BASE_QUALITY = 1.0  # of those measured the one with the smallest files, docs/evaluation.md


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
      base_quality: what is meant where none is given but a `max_error`.
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
        self.base_quality = _BASE_QUALITY
        self.package = package
        self.params, self.tables = package.params, package.tables
        self._coder = Coder(self.model, package)

    def compress(
        self,
        image: ImageSource,
        quality: float | None = None,
        progress: Progress = iter,
        strip: bool = False,
        step_checks: bool = False,
        roi: MaskSource | None = None,
        given: Mapping[str, Any] = {},
        exact: bool = False,
        max_error: int | None = None,
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
          exact: tell which pixels are the right ones, so that every machine decodes the same, to the bit; some 60
            bytes for 768x512 pixels. Else a few in 100,000 values may come out one level higher or lower elsewhere.
          max_error: how far a value of the decoded picture may be from that of the image, in levels: 0 for none at all,
            lossless, to 254. The file holds a residual, and its quality is that of the base below it: 1 where none is
            given, as that makes the smallest files. None for the quality alone.

        Warns:
          LeftOut: of what the image carries and the file does not.

        Raises:
          UnsupportedImage: what Pillow cannot read, or more than 8 bits a channel.
          ImageTooLarge: more than MAX_PIXELS, or a side longer than the format holds.
          InvalidQuality: outside the range, or no number.
          InvalidInput: a mask or a text that the model does not take, or of another size; a max_error that is none.
          ForkedProcess: in a process forked from one that had a codec.
        """
        planes = _planes(image, strip)
        how = Writing(
            self._tile, progress, step_checks, self._told(planes, roi, given), exact, max_error
        )
        if quality is None:
            quality = self.default_quality if max_error is None else self.base_quality
        return write_file(self._coder, planes, carried.from_planes(planes), quality, how)

    def encode(
        self,
        image: ImageSource,
        quality: float | None = None,
        roi: MaskSource | None = None,
        given: Mapping[str, Any] = {},
        exact: bool = False,
    ) -> Encoded:
        """`compress`, with the picture that the decoder will make and the model's estimate."""
        planes = _planes(image)
        how = Writing(self._tile, given=self._told(planes, roi, given), exact=exact)
        quality = self.default_quality if quality is None else quality
        canvas, bits = Canvas(*planes.rgb.shape[:2]), 0.0

        def look(tile: Tile, written: Written) -> None:
            nonlocal bits
            canvas.lay(tile, written.x_hat())
            bits += written.bits

        data = write_file(self._coder, planes, carried.from_planes(planes), quality, how, look)
        shown = to_pil(Planes(canvas.rgb, grey=planes.grey))
        return Encoded(data, np.asarray(shown.convert("RGB")), bits)

    def decompress(
        self,
        data: ByteSource,
        max_pixels: int = MAX_PIXELS,
        progress: Progress = iter,
        exact: bool = True,
        base: bool = False,
    ) -> Image.Image:
        """An `.hcf` file to the image, in the colour mode in which it came; what it carries is in its `info`.

        A file of other weights that come with the library is read with those.

        data: the file's bytes, its path, or the open file. progress: as of `compress`. exact: whether a file that was
        written with `exact` has to come out so; without, a machine that does not find its exact pixels shows it with a
        few values off by a level. base: leave out the residual of a file that was written with `max_error`: sooner,
        and as its quality has it.

        Raises:
          OSError: a file that cannot be read.
          NotAnHcfFile, TruncatedFile, CorruptSection: by what is wrong with the bytes.
          UnknownModel, WrongWeights: the file was written with another model or other weights.
          ImageTooLarge: more pixels than `max_pixels`.
          DecodeMismatch: the symbols, exact pixels, or the residual's picture, are not those that were written.
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
            return _shipped(name).decompress(file, max_pixels, progress, exact, base)
        rgb = read_file(self._coder, header, stream, sections, max_pixels, progress, exact, base)
        return to_pil(carried.to_planes(rgb, header.colour, sections))

    def target_bpp(
        self,
        image: ImageSource,
        bpp: float,
        progress: Progress = iter,
        strip: bool = False,
        roi: MaskSource | None = None,
        given: Mapping[str, Any] = {},
        exact: bool = False,
    ) -> tuple[bytes, float]:
        """The best quality that stays within `bpp` bits a pixel of the whole file, found in about ten attempts.

        progress: as of `compress`, once for each attempt. strip, roi, given, exact: as of `compress`.

        Returns:
          The file, and the quality found, in steps of the format.

        Raises:
          InvalidQuality: even quality 1 takes more, or `bpp` is no rate.
          UnsupportedImage, ImageTooLarge, InvalidInput, ForkedProcess: as `compress`. It warns as `compress` does, too.
        """
        if not (is_number(bpp) and bpp > 0):
            raise InvalidQuality(f"{bpp} bpp: a rate is more than 0 bits a pixel")
        planes = _planes(image, strip)
        sections = carried.from_planes(planes)
        how = Writing(self._tile, progress, given=self._told(planes, roi, given), exact=exact)

        def write(quality: float) -> bytes:
            return write_file(self._coder, planes, sections, quality, how)

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
        self._coder.check_quality(quality)

    def _told(self, planes: Planes, roi: MaskSource | None, given: Mapping[str, Any]) -> SideInputs:
        """What the encoder is given beside an image. Raises InvalidInput for what it does not take."""
        if not isinstance(given, Mapping):
            raise InvalidInput(
                f"given is a dictionary, as {{'text': 'a dog'}}, not {type(given).__name__}"
            )
        if roi is not None:
            if given.get("mask") is not None:
                raise InvalidInput("roi and given['mask'] are the same: give one of them")
            given = {**given, "mask": roi}
        return read_side_inputs(self.model, self.name, given, *planes.rgb.shape[:2])


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
