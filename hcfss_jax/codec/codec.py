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
from hcfss_jax.codec.coder import Coder
from hcfss_jax.codec.effort import Effort, Watch, check_effort, unseen
from hcfss_jax.codec.file_reader import Reading, read_file
from hcfss_jax.codec.file_writer import Writing, write_file, write_shown
from hcfss_jax.codec.limits import MAX_PIXELS
from hcfss_jax.codec.region import Region
from hcfss_jax.codec.side_inputs import read_side_inputs
from hcfss_jax.codec.targets import write_to
from hcfss_jax.codec.tiles import LARGEST_TILE, SMALLEST_TILE, Progress
from hcfss_jax.errors import (
    Incomplete,
    InvalidInput,
    LeftOut,
    NotAnHcfFile,
    UnknownModel,
    WrongWeights,
)
from hcfss_jax.models import restore_model
from hcfss_jax.models.contracts import ModelFactory, factory_by_name, made_by
from hcfss_jax.models.rehearsal import rehearse
from hcfss_jax.pictures.bit_depth import check_depth
from hcfss_jax.pictures.images import ByteSource, ImageSource, bytes_of, read_image
from hcfss_jax.pictures.mask import MaskSource
from hcfss_jax.pictures.planes import Planes, fits_pillow, to_array, to_pil
from hcfss_jax.runtime.forked import check_not_forked, note_codec
from hcfss_jax.weights import WeightPackage, load_package, shipped_with
from hcfss_jax.weights.tradeoff import Tune

_DEFAULT_QUALITY = 4.0
_BASE_QUALITY = 1.0  # of those measured the one with the smallest files, docs/evaluation.md


@dataclasses.dataclass(frozen=True)
class Encoded:
    """A compressed picture and what is known of it.

    data: the whole file. x_hat: uint8, or uint16 of more than 8 bits, `[H, W, 3]`, what the decoder will make of it, to
    the bit; of a grey picture, three times its one channel.
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
        effort: int = 0,
        tune: Tune | None = None,
        watch: Watch = unseen,
        depth: int | None = None,
        exact: bool = False,
        max_error: int | None = None,
    ) -> bytes:
        """An image to the bytes of an `.hcf` file.

        Args:
          image: a path, bytes, an open file, a PIL image, or an array of NumPy, JAX or the like: uint8 or uint16
            `[H, W, 3]`, `[H, W, 4]` with alpha, `[H, W]` or `[H, W, 1]` grey, `[H, W, 2]` with alpha; or what
            `decode` returns.
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
          effort: 0 to 9. Above 0 the encoder goes on to look for a smaller and better file of the same quality: a
            second or two at 1, minutes at 9, and some seconds more the first time (docs/effort.md).
          tune: what effort is for, "psnr" or "ms-ssim"; None for what the weights were trained for.
          watch: is told how far effort has come.
          depth: bits a channel of an array of uint16, 9 to 16, which is what is meant where nothing is said. Files say
            their own; those of more than 8 bits are read where imagecodecs is installed (the extra `deep`).
          exact: tell which pixels are the right ones, so that every machine decodes the same, to the bit; some 60
            bytes for 768x512 pixels. Else a few in 100,000 values may come out one level higher or lower elsewhere.
          max_error: how far a value of the decoded picture may be from that of the image, in levels: 0 for none at all,
            lossless. The file holds a residual, and its quality is that of the base below it: 1 where none is given,
            as that makes the smallest files. None for the quality alone.

        Warns:
          LeftOut: of what the image carries and the file does not.

        Raises:
          UnsupportedImage: what cannot be read, or not at its depth.
          ImageTooLarge: more than MAX_PIXELS, or a side longer than the format holds.
          InvalidQuality: outside the range, or no number.
          InvalidInput: a mask or a text that the model does not take, or of another size; values beyond the depth; an
            effort or a tune that does not exist; effort with weights that do not say what their qualities stand for;
            MS-SSIM of less than 161 pixels on a side, or with a mask; exact pixels of more than 8 bits; a max_error
            that is none.
          ForkedProcess: in a process forked from one that had a codec.
        """
        planes = _planes(image, strip, depth)
        how = self._writing(
            planes,
            roi,
            given,
            progress=progress,
            step_checks=step_checks,
            effort=Effort(effort, tune, watch),
            exact=exact,
            max_error=max_error,
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
        effort: int = 0,
        tune: Tune | None = None,
        depth: int | None = None,
        exact: bool = False,
    ) -> Encoded:
        """`compress`, with the picture that the decoder will make and the model's estimate."""
        planes = _planes(image, depth=depth)
        how = self._writing(planes, roi, given, effort=Effort(effort, tune), exact=exact)
        quality = self.default_quality if quality is None else quality
        return Encoded(*write_shown(self._coder, planes, carried.from_planes(planes), quality, how))

    def decompress(
        self,
        data: ByteSource,
        max_pixels: int = MAX_PIXELS,
        progress: Progress = iter,
        **how: Any,
    ) -> Image.Image:
        """An `.hcf` file to the image, in the colour mode in which it came; what it carries is in its `info`.

        Of more than 8 bits a channel Pillow holds opaque grey, mode I;16, which then reaches to 65535; of others it
        gets 8, with a warning, LeftOut: `decompress_array` and `decode` give all.

        how: region, steps, partial, exact, base. These, errors and other warnings as of `decode`.
        """
        planes = self.decode(data, max_pixels, progress, **how)
        if not fits_pillow(planes):
            warnings.warn(
                f"the picture has {planes.depth} bits a channel, and a PIL image of its mode 8: "
                "decompress_array and decode give them all",
                LeftOut,
                stacklevel=2,
            )
        return to_pil(planes)

    def decompress_array(self, data: ByteSource, **how: Any) -> np.ndarray:
        """An `.hcf` file to pixels: uint8 of 8 bits, uint16 of more, whose white is 2**depth - 1.

        Arguments and errors as of `decode`, which tells the depth, too.

        Returns:
          `[H, W, 3]`, or `[H, W, 4]` with alpha; of grey `[H, W]`, or `[H, W, 2]`.
        """
        return to_array(self.decode(data, **how))

    def decode(
        self,
        data: ByteSource,
        max_pixels: int = MAX_PIXELS,
        progress: Progress = iter,
        depth: int | None = None,
        region: Region | None = None,
        steps: int | None = None,
        partial: bool = False,
        exact: bool = True,
        base: bool = False,
    ) -> Planes:
        """An `.hcf` file to its planes: pixels at their depth, alpha, colour profile and metadata.

        A file of other weights that come with the library is read with those.

        Args:
          data: the file's bytes, its path, or the open file.
          max_pixels: that may be decoded.
          progress: as of `compress`.
          depth: bits a channel that the picture is rounded to, 8 to 16: more than the file's show the smooth of a
            picture that was coded from fewer. None for the file's.
          region: (left, top, right, bottom) in pixels: that part of the image alone, as `crop` of all of it would give
            it, to the bit. Only the tiles that it lies in are decoded; with a residual, all of them.
          steps: a preview of the first coding step, of most models z, and so many behind it; 0 for that alone, None for
            all. The rest is as predicted. Of a file with `step_checks` the steps that are read are checked, of another
            only all of them.
          partial: take a file that is cut, for the picture of what is there: of a stream that is cut its first steps,
            and grey for tiles that are missing.
          exact: whether a file that was written with `exact` has to come out so; without, a machine that does not find
            its exact pixels shows it with a few values off by a level.
          base: leave out the residual of a file that was written with `max_error`: sooner, and as its quality has it.
            Previews and what is there of a file that is cut are without it.

        Warns:
          Incomplete: of a file that is cut, what is not there.
          LeftOut: exact pixels, which have 8 bits, where another depth is asked for.

        Raises:
          OSError: a file that cannot be read.
          NotAnHcfFile, TruncatedFile, CorruptSection: by what is wrong with the bytes.
          UnknownModel, WrongWeights: the file was written with another model or other weights.
          ImageTooLarge: more pixels than `max_pixels`.
          InvalidInput: a region that is none, or lies outside of the image; steps that the model does not have; a depth
            that no picture has.
          DecodeMismatch: the symbols, exact pixels, or the residual's picture, are not those that were written.
          ForkedProcess: as `compress`.
        """
        if depth is not None:
            check_depth(depth)
        file = bytes_of(data)
        if file is None:
            raise NotAnHcfFile(
                f"{type(data).__name__} {data!r:.40} is no file: give a path, bytes, or a file "
                "open for reading bytes"
            )
        found = coding.unpack_cut(file) if partial else (*coding.unpack(file), 0)
        header, stream, sections, missing = found
        ours = (header.model, header.fingerprint) == (self.name, self.fingerprint)
        # Weights that come with the library read what they wrote, whichever of them the user has at hand.
        if not ours and (name := shipped_with(header.model, header.fingerprint)):
            return _shipped(name).decode(
                file, max_pixels, progress, depth, region, steps, partial, exact, base
            )
        shown = depth or carried.depth_of(sections)
        how = Reading(max_pixels, progress, region, steps, shown, exact, base)
        seen = read_file(self._coder, header, stream, sections, how, missing)
        if seen.lost:
            warnings.warn(seen.lost, Incomplete, stacklevel=2)
        if seen.inexact:
            warnings.warn(
                f"the file tells exact pixels of 8 bits: of {shown} bits the last may differ from machine to machine",
                LeftOut,
                stacklevel=2,
            )
        whole = header.height, header.width
        return carried.to_planes(seen.rgb, header.colour, sections, shown, seen.part, whole)

    def target(
        self,
        image: ImageSource,
        bpp: float | None = None,
        size: float | None = None,
        psnr: float | None = None,
        ms_ssim: float | None = None,
        ssimulacra2: float | None = None,
        progress: Progress = iter,
        strip: bool = False,
        step_checks: bool = False,
        roi: MaskSource | None = None,
        given: Mapping[str, Any] = {},
        depth: int | None = None,
        exact: bool = False,
    ) -> tuple[bytes, float]:
        """`compress` at the quality that a target asks for, of which one is given, found in four to seven attempts.

        Args:
          image: as of `compress`, and so are strip, step_checks, roi, given, depth, exact.
          bpp, size: the best quality whose file stays within so many bits a pixel, or bytes.
          psnr, ms_ssim, ssimulacra2: the least quality whose picture reaches so many dB, an MS-SSIM in (0, 1), or a
            SSIMULACRA2 below 100 (pip install 'hcfss-jax[ssimulacra2]'): of the picture that the decoder will make, in
            8 bits, beside the image, without alpha.
          progress: as of `compress`, once for each attempt.

        Returns:
          The file, which is that of `compress`, and the quality found, in steps of the format.

        Raises:
          InvalidQuality: what is out of reach, is no target, or are several.
          UnsupportedImage, ImageTooLarge, InvalidInput, ForkedProcess: as `compress`. It warns as `compress` does, too.
        """
        asked = {
            "bpp": bpp,
            "size": size,
            "psnr": psnr,
            "ms_ssim": ms_ssim,
            "ssimulacra2": ssimulacra2,
        }
        planes = _planes(image, strip, depth)
        how = self._writing(
            planes, roi, given, progress=progress, step_checks=step_checks, exact=exact
        )
        return write_to(self._coder, planes, carried.from_planes(planes), asked, how)

    def target_bpp(
        self,
        image: ImageSource,
        bpp: float,
        progress: Progress = iter,
        strip: bool = False,
        roi: MaskSource | None = None,
        given: Mapping[str, Any] = {},
        depth: int | None = None,
        exact: bool = False,
    ) -> tuple[bytes, float]:
        """`target` of a rate, in bits a pixel."""
        planes = _planes(image, strip, depth)
        how = self._writing(planes, roi, given, progress=progress, exact=exact)
        asked = {"bpp": "None" if bpp is None else bpp}  # no rate, and not the lack of a target
        return write_to(self._coder, planes, carried.from_planes(planes), asked, how)

    def check_quality(self, quality: float) -> None:
        """Raises InvalidQuality for a quality that this model does not offer."""
        self._coder.check_quality(quality)

    def check_effort(self, effort: int, tune: Tune | None = None) -> None:
        """Raises InvalidInput for an effort that these weights cannot make."""
        check_effort(self.meta, Effort(effort, tune))

    def _writing(
        self, planes: Planes, roi: MaskSource | None, given: Mapping[str, Any], **how: Any
    ) -> Writing:
        """How an image is written. Raises InvalidInput for what the encoder is told and the model does not take."""
        if not isinstance(given, Mapping):
            raise InvalidInput(
                f"given is a dictionary, as {{'text': 'a dog'}}, not {type(given).__name__}"
            )
        if roi is not None:
            if given.get("mask") is not None:
                raise InvalidInput("roi and given['mask'] are the same: give one of them")
            given = {**given, "mask": roi}
        told = read_side_inputs(self.model, self.name, given, *planes.rgb.shape[:2])
        return Writing(self._tile, given=told, **how)


def load(
    name_or_path: str | os.PathLike[str],
    model: ModelFactory | str | None = None,
    tile: int = LARGEST_TILE,
) -> Codec:
    """The codec of weights that come with the library, by name, or of a weight package, by path.

    model, tile: see `Codec`. Raises UnknownModel for a name that is none, WrongWeights for a file that is no weight
    package, ForkedProcess in a process forked from one that had a codec.
    """
    check_not_forked()
    return Codec(load_package(name_or_path), tile, model)


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


def _planes(image: ImageSource, strip: bool = False, depth: int | None = None) -> Planes:
    """An image taken apart, with a warning for each of its notes, given to whoever calls the codec."""
    planes = read_image(image, strip, depth)
    for note in planes.notes:
        warnings.warn(f"the image {note}", LeftOut, stacklevel=3)
    return planes
