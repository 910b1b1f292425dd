"""The codec: an image to the bytes of an `.hcf` file, and back."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping

import numpy as np
from flax.errors import FlaxError
from PIL import Image

from hcfss_jax import coding, extras
from hcfss_jax.entropy.margins import margins
from hcfss_jax.errors import (
    CorruptSection,
    DecodeMismatch,
    ImageTooLarge,
    InvalidQuality,
    UnknownModel,
    WrongWeights,
)
from hcfss_jax.images import ImageSource, Planes, read_image, to_pil
from hcfss_jax.models import create_model
from hcfss_jax.models.passes import CodingPasses
from hcfss_jax.picture_stream import Written, read_picture, write_picture
from hcfss_jax.weights import WeightPackage, check_parameters, load_package

MAX_PIXELS = 2 * 89_478_485  # twice Pillow's warning, where Pillow itself refuses an image
DEFAULT_QUALITY = 4.0


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
      model, params, tables: the Flax module, its parameters and the coder's integers, for what else one does with them.
      meta: where the weights come from.
    """

    def __init__(self, package: WeightPackage):
        """Raises UnknownModel or WrongWeights where this version has no such model."""
        self.name, self.config, self.meta = package.name, package.config, package.meta
        self.fingerprint, self.parameter_count = package.fingerprint, package.parameter_count
        try:
            self.model = create_model(package.name, **package.config)
        except (TypeError, ValueError) as error:
            raise WrongWeights(f"the weights do not fit {package.name}: {error}") from error
        self.levels = int(package.config["levels"])
        self._package = package
        self.params, self.tables = package.params, package.tables
        self._passes = CodingPasses(self.model, package.params)

    def compress(self, image: ImageSource, quality: float = DEFAULT_QUALITY) -> bytes:
        """An image to the bytes of an `.hcf` file.

        Args:
          image: a path, bytes, a PIL image, or uint8 `[H, W, 3]` (`[H, W, 4]` with alpha).
          quality: 1 to `levels`, fractions allowed; higher is better and larger.

        Raises:
          UnsupportedImage: what Pillow cannot read, or more than 8 bits a channel.
          ImageTooLarge: more than MAX_PIXELS, or a side longer than the format holds.
          InvalidQuality: outside the range.
        """
        planes = read_image(image)
        return self._write(planes, extras.from_planes(planes), quality)[0]

    def encode(self, image: ImageSource, quality: float = DEFAULT_QUALITY) -> Encoded:
        """`compress`, with the picture that the decoder will make and the model's estimate."""
        planes = read_image(image)
        data, written = self._write(planes, extras.from_planes(planes), quality)
        with self._fitting():
            shown = to_pil(Planes(written.x_hat(), grey=planes.grey))
            return Encoded(data, np.asarray(shown.convert("RGB")), written.bits())

    def decompress(self, data: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
        """The bytes of an `.hcf` file to the image, in the colour mode in which it came.

        Raises:
          NotAnHcfFile, TruncatedFile, CorruptSection: by what is wrong with the bytes.
          UnknownModel, WrongWeights: the file was written with another model or other weights.
          ImageTooLarge: more pixels than `max_pixels`.
          DecodeMismatch: the symbols are not those that were written.
        """
        header, stream, sections = coding.unpack(data)
        self._check(header, max_pixels)
        return to_pil(extras.to_planes(self._read(header, stream), header.colour, sections))

    def target_bpp(self, image: ImageSource, bpp: float) -> tuple[bytes, float]:
        """The best quality that stays within `bpp` bits a pixel of the whole file.

        Returns:
          The file, and the quality found, in steps of the format.

        Raises:
          InvalidQuality: even quality 1 takes more, or `bpp` is no rate.
          UnsupportedImage, ImageTooLarge: as `compress`.
        """
        if not bpp > 0:
            raise InvalidQuality(f"{bpp} bpp: a rate is more than 0 bits a pixel")
        planes = read_image(image)
        sections = extras.from_planes(planes)
        pixels = planes.rgb.shape[0] * planes.rgb.shape[1]
        steps_of = coding.QUALITY_STEPS
        best, low, high = self._write(planes, sections, 1)[0], 0, (self.levels - 1) * steps_of
        if 8 * len(best) > bpp * pixels:
            raise InvalidQuality(
                f"{bpp} bpp is out of reach: quality 1 takes {8 * len(best) / pixels:.3f} bpp"
            )
        while low < high:
            middle = (low + high + 1) // 2
            data = self._write(planes, sections, 1 + middle / steps_of)[0]
            if 8 * len(data) <= bpp * pixels:
                best, low = data, middle
            else:
                high = middle - 1
        return best, 1 + low / steps_of

    def check_quality(self, quality: float) -> None:
        """Raises InvalidQuality for a quality that this model does not offer."""
        if not 1 <= quality <= self.levels:
            raise InvalidQuality(f"quality {quality:g}: {self.name} offers 1 to {self.levels}")

    def _write(
        self, planes: Planes, sections: Mapping[int, bytes], quality: float
    ) -> tuple[bytes, Written]:
        """The file of an image and its extra sections; and the symbols in it."""
        header = self._header(planes, quality)
        with self._fitting():
            passes = self._passes.of(header.height, header.width)
            room = margins(self.meta.get("noise"), header.quality, self.model.coding_steps)
            written = write_picture(passes, self.tables, planes.rgb, header.quality, room)
        header = dataclasses.replace(header, symbols_crc=written.crc)
        return coding.pack(header, written.stream, sections), written

    def _read(self, header: coding.Header, stream: bytes) -> np.ndarray:
        """uint8 `[H, W, 3]`; DecodeMismatch where the symbols are not those that were written."""
        cause = None
        try:
            with self._fitting():
                passes = self._passes.of(header.height, header.width)
                rgb, crc = read_picture(passes, self.tables, stream, header.quality)
        except CorruptSection as error:
            # The file's checksum held: these are the bytes that were written, read with other tables.
            crc, cause = None, error
        if crc != header.symbols_crc:
            raise DecodeMismatch(
                "the decoded symbols are not those that were written: this machine computes "
                "differently from the one that wrote the file; decode it there"
            ) from cause
        return rgb

    @contextlib.contextmanager
    def _fitting(self) -> Iterator[None]:
        """Names the parameters that do not fit the model, which Flax finds out when they are used."""
        try:
            yield
        except FlaxError:
            check_parameters(self._package, self.model)
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
        self.check_quality(quality)
        return coding.Header(
            model=self.name,
            fingerprint=self.fingerprint,
            width=width,
            height=height,
            colour="grey" if planes.grey else "rgb",
            quality=round(quality * coding.QUALITY_STEPS) / coding.QUALITY_STEPS,
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


def load(name_or_path: str | os.PathLike[str]) -> Codec:
    """The codec of weights that come with the library, by name, or of a weight package, by path.

    Raises UnknownModel for a name that is none, WrongWeights for a file that is no weight package.
    """
    return Codec(load_package(name_or_path))
