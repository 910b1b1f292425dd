"""Measure a codec on one picture: rate, distortion, time, and whether the decoder agrees."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from eval.anchors import ANCHORS
from eval.timing import timed
from hcfss_jax.codec import Codec
from hcfss_jax.metrics import MS_SSIM_SMALLEST_SIDE, ms_ssim, psnr


@dataclasses.dataclass(frozen=True)
class Point:
    """One picture at one quality.

    weights: fingerprint of ours, empty for other codecs. bytes: of the whole file; bpp: those, in bits a pixel. mse
    and psnr (dB): on decoded 8-bit RGB pixels; psnr is None where it would be infinite. ms_ssim: None for pictures too
    small for it; ms_ssim_db: -10 log10(1 - ms_ssim). The seconds are without compilation. estimated_bpp and exact are
    None for codecs that are not ours: what the model says its symbols cost; whether the decoder made the picture that
    the encoder promised, to the bit. Where no file was written, bytes, seconds and exact are None, and bpp is the
    estimate. region_psnr and background_psnr: of the pixels of interest and of the others, where a mask
    says which they are; None where there is none, or none of these pixels.
    """

    codec: str
    weights: str
    image: str
    width: int
    height: int
    quality: float
    bytes: int | None
    bpp: float
    mse: float
    psnr: float | None
    ms_ssim: float | None
    ms_ssim_db: float | None
    encode_seconds: float | None
    decode_seconds: float | None
    estimated_bpp: float | None = None
    exact: bool | None = None
    region_psnr: float | None = None
    background_psnr: float | None = None


def measure(
    codec: Codec,
    image: str,
    picture: Image.Image,
    quality: float,
    mask: np.ndarray | None = None,
    seen: bool = True,
    how: Mapping[str, Any] = {},
) -> Point:
    """Encode and decode a picture of mode RGB or L with a `hcfss_jax` codec, through a whole file.

    mask: of what is of interest, float32 `[H, W]` in [0, 1]. seen: whether the encoder is given it, too.
    how: effort and tune of `Codec.encode`.
    """
    given: dict[str, Any] = {"roi": mask} if mask is not None and seen else {}
    encode_seconds, encoded = timed(lambda: codec.encode(picture, quality, **given, **how))
    decode_seconds, decoded = timed(lambda: codec.decompress(encoded.data))
    pixels = np.asarray(decoded.convert("RGB"))
    return Point(
        codec=codec.name,
        weights=codec.fingerprint.hex(),
        image=image,
        quality=quality,
        encode_seconds=encode_seconds,
        decode_seconds=decode_seconds,
        estimated_bpp=encoded.estimated_bits / (picture.width * picture.height),
        exact=bool(np.array_equal(pixels, encoded.x_hat)),
        **_rate(picture, len(encoded.data)),
        **_distortion(picture, pixels, mask),
    )


def estimated(
    codec: Codec,
    image: str,
    picture: Image.Image,
    quality: float,
    bits: float,
    mse: float,
    similarity: float,
) -> Point:
    """The point of a picture that a codec's model has seen without a file. similarity: MS-SSIM, or NaN."""
    bpp = bits / (picture.width * picture.height)
    return Point(
        codec=codec.name,
        weights=codec.fingerprint.hex(),
        image=image,
        quality=quality,
        bytes=None,
        bpp=bpp,
        estimated_bpp=bpp,
        encode_seconds=None,
        decode_seconds=None,
        **_figures(picture, mse, None if math.isnan(similarity) else similarity),
    )


def measure_anchors(
    names: Sequence[str], image: str, picture: Image.Image, mask: np.ndarray | None = None
) -> Iterator[Point]:
    """The same picture through codecs that everybody has, at all of their qualities; none of them sees the mask."""
    for name in names:
        anchor = ANCHORS[name]
        for quality in anchor.qualities:
            encode_seconds, data = timed(lambda: anchor.encode(picture, quality))  # noqa: B023
            decode_seconds, decoded = timed(lambda: anchor.decode(data))  # noqa: B023
            yield Point(
                codec=name,
                weights="",
                image=image,
                quality=quality,
                encode_seconds=encode_seconds,
                decode_seconds=decode_seconds,
                **_rate(picture, len(data)),
                **_distortion(picture, np.asarray(decoded.convert("RGB")), mask),
            )


def region_psnr(original: np.ndarray, decoded: np.ndarray, share: np.ndarray) -> float | None:
    """PSNR in dB over uint8 `[H, W, 3]`, each pixel as far as it counts, `[H, W]` in [0, 1].

    None where none counts, or where it would be infinite.
    """
    error = np.mean(np.square(original.astype(np.float64) - decoded), axis=-1)
    total = np.sum(share, dtype=np.float64)
    weighed = np.sum(share * error)
    return 10 * math.log10(255**2 * total / weighed) if total > 0 and weighed > 0 else None


def decibel(similarity: float | None) -> float | None:
    """An MS-SSIM in dB, -10 log10(1 - x); None for None and for 1."""
    return None if similarity is None or similarity >= 1 else -10 * math.log10(1 - similarity)


def _rate(picture: Image.Image, size: int) -> dict[str, Any]:
    return {"bytes": size, "bpp": 8 * size / (picture.width * picture.height)}


def _distortion(
    picture: Image.Image, decoded: np.ndarray, mask: np.ndarray | None = None
) -> dict[str, Any]:
    original = np.asarray(picture.convert("RGB"))
    height, width = original.shape[:2]
    similarity = None
    if min(height, width) >= MS_SSIM_SMALLEST_SIDE:
        similarity = float(ms_ssim(original, decoded))
    ratio = float(psnr(original, decoded))
    return {
        **_figures(picture, 255**2 / 10 ** (ratio / 10), similarity),
        "psnr": ratio if math.isfinite(ratio) else None,
        "region_psnr": None if mask is None else region_psnr(original, decoded, mask),
        "background_psnr": None if mask is None else region_psnr(original, decoded, 1 - mask),
    }


def _figures(picture: Image.Image, mse: float, similarity: float | None) -> dict[str, Any]:
    return {
        "width": picture.width,
        "height": picture.height,
        "mse": mse,
        "psnr": 10 * math.log10(255**2 / mse) if mse > 0 else None,
        "ms_ssim": similarity,
        "ms_ssim_db": decibel(similarity),
    }
