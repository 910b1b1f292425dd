"""Measure a codec on one picture: rate, distortion, time, and whether the decoder agrees."""

import dataclasses
import time
from collections.abc import Iterator, Sequence

import numpy as np

from eval import anchors
from hcfss_jax.codec import Codec
from hcfss_jax.metrics import MS_SSIM_SMALLEST_SIDE, ms_ssim, psnr


@dataclasses.dataclass(frozen=True)
class Point:
    """One picture at one quality.

    bytes: of the whole file. bpp: those, in bits a pixel. psnr: dB on decoded 8-bit pixels.
    ms_ssim: None for pictures too small for it. The rest is None for codecs that are not ours:
    estimated_bpp is what the model says its symbols cost; exact, whether the decoder made the
    picture that the encoder promised, to the bit; the seconds are without compilation (but see `warm_up`).
    """

    codec: str
    image: str
    quality: float
    bytes: int
    bpp: float
    psnr: float
    ms_ssim: float | None
    estimated_bpp: float | None = None
    exact: bool | None = None
    encode_seconds: float | None = None
    decode_seconds: float | None = None


def warm_up(codec: Codec, pixels: np.ndarray, qualities: Sequence[float]) -> None:
    """Compile what pictures of this size need at these qualities, so that it is not timed.

    The range coder is compiled for a few lengths of stream, and streams grow with the quality.
    A later picture whose stream calls for another length than any here is timed with compilation.
    """
    for quality in qualities:
        codec.decompress(codec.encode(pixels, quality).data)


def measure(codec: Codec, image: str, pixels: np.ndarray, quality: float) -> Point:
    """Encode and decode uint8 `[H, W, 3]` with a `hcfss_jax` codec, through a whole file."""
    start = time.perf_counter()
    encoded = codec.encode(pixels, quality)
    middle = time.perf_counter()
    decoded = np.asarray(codec.decompress(encoded.data))
    end = time.perf_counter()
    return dataclasses.replace(
        _point(codec.name, image, quality, pixels, len(encoded.data), decoded),
        estimated_bpp=encoded.estimated_bits / (pixels.shape[0] * pixels.shape[1]),
        exact=bool(np.array_equal(decoded, encoded.x_hat)),
        encode_seconds=middle - start,
        decode_seconds=end - middle,
    )


def measure_anchors(names: Sequence[str], image: str, pixels: np.ndarray) -> Iterator[Point]:
    """The same picture through codecs that everybody has, at all of their qualities."""
    for name in names:
        for quality, data, decoded in anchors.curve(name, pixels):
            yield _point(name, image, quality, pixels, len(data), decoded)


def _point(
    codec: str, image: str, quality: float, pixels: np.ndarray, size: int, decoded: np.ndarray
) -> Point:
    height, width = pixels.shape[:2]
    structural = None
    if min(height, width) >= MS_SSIM_SMALLEST_SIDE:
        structural = float(ms_ssim(pixels, decoded))
    return Point(
        codec=codec,
        image=image,
        quality=quality,
        bytes=size,
        bpp=8 * size / (height * width),
        psnr=float(psnr(pixels, decoded)),
        ms_ssim=structural,
    )
