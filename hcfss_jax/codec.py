"""The codec: an image to the bytes of an `.hcf` file, and back.

Encoder and decoder run the same compiled functions on the same shapes, so what the encoder says the picture will be is
what the decoder makes of it, to the bit.
"""

import dataclasses
import os
import zlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from hcfss_jax import coding, extras
from hcfss_jax.entropy.steps import Prediction, run_steps
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
from hcfss_jax.models.skeleton import Y_STRIDE, Z_STRIDE
from hcfss_jax.weights import WeightPackage, check_parameters, load_package

MAX_PIXELS = 2 * 89_478_485  # twice Pillow's warning, where Pillow itself refuses an image
DEFAULT_QUALITY = 4.0


@dataclasses.dataclass(frozen=True)
class Encoded:
    """A compressed picture and what is known of it.

    data: the whole file. x_hat: uint8 `[H, W, 3]`, what the decoder will make of it. estimated_bits: what the model
    says its symbols cost, in bits, without the file around them.
    """

    data: bytes
    x_hat: np.ndarray
    estimated_bits: float


class Codec:
    """A model with its weights and tables, ready to code.

    A value: nothing is built or updated later. Compiled functions are kept, one set a picture size.
    """

    def __init__(self, package: WeightPackage):
        """Raises WrongWeights where the package does not fit the model that it names."""
        self.name, self.config = package.name, package.config
        self.fingerprint, self.parameter_count = package.fingerprint, package.parameter_count
        self.meta = package.meta
        try:
            model = create_model(package.name, **package.config)
        except (TypeError, ValueError) as error:
            raise WrongWeights(f"the weights do not fit {package.name}: {error}") from error
        self.levels = int(package.config["levels"])
        self._package, self._model = package, model
        self._tables = package.tables
        self._passes = CodingPasses(model, package.params)

    def compress(self, image: ImageSource, quality: float = DEFAULT_QUALITY) -> bytes:
        """An image to the bytes of an `.hcf` file.

        Args:
          image: a path, bytes, a PIL image, or uint8 `[H, W, 3]` (`[H, W, 4]` with alpha).
          quality: 1 to `levels`, fractions allowed; higher is better and larger.

        Raises:
          UnsupportedImage: what Pillow cannot read, or more than 8 bits a channel.
          ImageTooLarge: more than MAX_PIXELS.
          InvalidQuality: outside the range.
        """
        return self.encode(image, quality).data

    def encode(self, image: ImageSource, quality: float = DEFAULT_QUALITY) -> Encoded:
        """`compress`, with the picture that the decoder will make and the model's estimate."""
        planes = read_image(image)
        height, width = planes.rgb.shape[:2]
        _check_size(height, width)
        header = self._header(height, width, planes, quality)
        level = jnp.asarray([header.quality - 1], jnp.float32)

        y, z = self._passes.analyse(_padded(planes.rgb), level)
        z = np.asarray(z)
        area = _coded_area(height, width)
        writer = _Writer(self._passes, y, area)
        decoded, records = run_steps(
            self._passes.steps,
            self._passes.predict,
            self._passes.refine,
            writer.quantise,
            self._passes.hyper(z, level),
        )
        x_hat = self._passes.synthesise(decoded, level)[:height, :width]

        parts = [self._z_part(z), *((q, i, self._tables["y"]) for q, i, _ in records)]
        header = dataclasses.replace(header, symbols_crc=_crc([q for q, _, _ in parts]))
        data = coding.pack(header, coding.encode(parts), extras.from_planes(planes))
        bits = self._passes.bits_z(z) + sum(bits for _, _, bits in records)
        return Encoded(data, np.asarray(x_hat), float(bits))

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
        rgb = self._decode(header, stream)
        return to_pil(extras.to_planes(rgb, header.colour, sections))

    def target_bpp(self, image: ImageSource, bpp: float) -> tuple[bytes, float]:
        """The best quality that stays within `bpp` bits a pixel of the whole file.

        Returns:
          The file, and the quality found, in steps of the format.

        Raises:
          InvalidQuality: even quality 1 takes more.
        """
        planes = read_image(image)
        limit = bpp * planes.rgb.shape[0] * planes.rgb.shape[1] / 8
        low, high = 0, round((self.levels - 1) * coding.QUALITY_STEPS)
        source = to_pil(planes)
        best = self.compress(source, 1)
        if len(best) > limit:
            least = 8 * len(best) / (planes.rgb.shape[0] * planes.rgb.shape[1])
            raise InvalidQuality(
                f"{bpp} bpp is out of reach: quality 1 takes {least:.3f} bpp; ask for at least that"
            )
        while low < high:
            middle = (low + high + 1) // 2
            data = self.compress(source, 1 + middle / coding.QUALITY_STEPS)
            if len(data) <= limit:
                best, low = data, middle
            else:
                high = middle - 1
        return best, 1 + low / coding.QUALITY_STEPS

    def _decode(self, header: coding.Header, stream: bytes) -> np.ndarray:
        """The symbol stream to uint8 `[H, W, 3]`."""
        level = jnp.asarray([header.quality - 1], jnp.float32)
        area = _coded_area(header.height, header.width)
        decoder = coding.RangeDecoder(stream)
        shape = self._z_shape(header.height, header.width)
        z = decoder.decode(*self._z_part(np.zeros(shape, np.int32))[1:]).reshape(shape)
        reader = _Reader(self._passes, decoder, self._tables["y"], area)
        decoded, symbols = run_steps(
            self._passes.steps,
            self._passes.predict,
            self._passes.refine,
            reader.quantise,
            self._passes.hyper(z, level),
        )
        decoder.finish()
        if _crc([z, *symbols]) != header.symbols_crc:
            raise DecodeMismatch(
                "the decoded symbols are not those that were written: this machine computes "
                "differently from the one that wrote the file; decode it there"
            )
        x_hat = self._passes.synthesise(decoded, level)
        return np.asarray(x_hat)[: header.height, : header.width]

    def _header(self, height: int, width: int, planes: Planes, quality: float) -> coding.Header:
        if not 1 <= quality <= self.levels:
            raise InvalidQuality(f"quality {quality}: {self.name} offers 1 to {self.levels}")
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

    def _z_shape(self, height: int, width: int) -> tuple[int, int, int, int]:
        return (1, -(-height // Z_STRIDE), -(-width // Z_STRIDE), self._passes.hyper_channels)

    def _z_part(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, coding.Tables]:
        """z as the range coder takes it: every channel has its table."""
        channels = np.arange(z.shape[-1], dtype=np.int32)
        return z.ravel(), np.broadcast_to(channels, z.shape).ravel(), self._tables["z"]


class _Writer:
    """The quantiser of encoding: rounds, and keeps symbols, table indices and bits of each step."""

    def __init__(self, passes: CodingPasses, y: jax.Array, area: tuple[int, int]):
        self._passes, self._parts, self._area = passes, passes.split(y), area

    def quantise(self, step: int, prediction: Prediction) -> tuple[jax.Array, Any]:
        height, width = self._area
        q, index, bits = self._passes.quantise(self._parts[step], prediction, self._area)
        kept = (np.asarray(a)[0, :height, :width].ravel() for a in (q, index))
        return self._passes.dequantise(q, prediction.mean), (*kept, bits)


class _Reader:
    """The quantiser of decoding: reads each step's symbols and keeps them for the checksum."""

    def __init__(
        self,
        passes: CodingPasses,
        decoder: coding.RangeDecoder,
        tables: coding.Tables,
        area: tuple[int, int],
    ):
        self._passes, self._decoder, self._tables, self._area = passes, decoder, tables, area

    def quantise(self, step: int, prediction: Prediction) -> tuple[jax.Array, np.ndarray]:
        height, width = self._area
        index = np.asarray(self._passes.index(prediction))[:, :height, :width]
        symbols = self._decoder.decode(index.ravel(), self._tables)
        q = np.zeros(prediction.mean.shape, np.int32)
        q[:, :height, :width] = symbols.reshape(index.shape)
        return self._passes.dequantise(q, prediction.mean), symbols


def _check_size(height: int, width: int) -> None:
    if height * width > MAX_PIXELS:
        raise ImageTooLarge(
            f"{width}x{height} pixels, more than {MAX_PIXELS}: cut the image into parts"
        )


def _padded(rgb: np.ndarray) -> np.ndarray:
    """uint8 `[H, W, 3]` to a batch of one whose sides are multiples of z's stride."""
    height, width = rgb.shape[:2]
    return np.pad(rgb, ((0, -height % Z_STRIDE), (0, -width % Z_STRIDE), (0, 0)), "edge")[None]


def _coded_area(height: int, width: int) -> tuple[int, int]:
    """Positions of y that the picture touches; those beyond stand for padding and are never sent."""
    return -(-height // Y_STRIDE), -(-width // Y_STRIDE)


def _crc(symbols: list[np.ndarray]) -> int:
    crc = 0
    for part in symbols:
        crc = zlib.crc32(np.ascontiguousarray(part, "<i4").tobytes(), crc)
    return crc


def load(name_or_path: str | os.PathLike[str]) -> Codec:
    """The codec of weights that come with the library, by name, or of a weight package, by path.

    Raises UnknownModel for a name that is none, WrongWeights for a file that is no weight package.
    """
    return Codec(load_package(name_or_path))
