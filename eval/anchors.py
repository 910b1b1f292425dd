"""Codecs that everybody has, to measure beside ours on the same pictures."""

import dataclasses
import importlib.util
import io
from collections.abc import Callable

import numpy as np
from PIL import Image, features

from hcfss_jax.cli.jpeg import jpeg


@dataclasses.dataclass(frozen=True)
class Anchor:
    """A codec and how it is used.

    settings: for people to judge whether it was used well. qualities: in its own unit, such that
    the curve spans the rates of learned codecs. encode takes a picture of mode RGB or L.
    """

    label: str
    settings: str
    qualities: tuple[float, ...]
    encode: Callable[[Image.Image, float], bytes]
    decode: Callable[[bytes], Image.Image]
    installed: Callable[[], bool | None]


def webp(image: Image.Image, quality: float) -> bytes:
    """Lossy WebP at its slowest and best setting; quality 0 to 100."""
    return _saved(image, "WEBP", quality=quality, method=6)


def avif(image: Image.Image, quality: float) -> bytes:
    """AVIF by libaom, told to serve PSNR, with chroma at full resolution; quality 0 to 100."""
    subsampling = "4:0:0" if image.mode == "L" else "4:4:4"
    return _saved(
        image,
        "AVIF",
        quality=int(quality),
        speed=4,
        codec="aom",
        subsampling=subsampling,
        advanced={"tune": "psnr"},
    )


def default_avif(image: Image.Image, quality: float) -> bytes:
    """AVIF as it comes of `Image.save` by its quality alone, 0 to 100."""
    return _saved(image, "AVIF", quality=int(quality))


def jpeg2000(image: Image.Image, bpp: float) -> bytes:
    """JPEG 2000 with the 9/7 wavelet at a rate in bits a pixel."""
    ratio = 8 * len(image.getbands()) / bpp
    colours = {"mct": 1} if image.mode == "RGB" else {}
    return _saved(
        image,
        "JPEG2000",
        no_jp2=True,
        quality_mode="rates",
        quality_layers=[ratio],
        irreversible=True,
        **colours,
    )


def jpeg_xl(image: Image.Image, distance: float) -> bytes:
    """Lossy JPEG XL at libjxl's default effort; distance 25 (worst) to 0, 1 being "visually lossless"."""
    import imagecodecs

    return bytes(imagecodecs.jpegxl_encode(np.asarray(image), distance=distance, effort=7))


def _decode_jpeg_xl(data: bytes) -> Image.Image:
    import imagecodecs

    return Image.fromarray(imagecodecs.jpegxl_decode(data))


def _jpeg(image: Image.Image, quality: float) -> bytes:
    return jpeg(image, int(quality))


def _decode(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def _saved(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


ANCHORS = {
    "jpeg": Anchor(
        "JPEG",
        "libjpeg-turbo by Pillow: baseline, 4:2:0, optimised Huffman tables",
        (3, 5, 8, 12, 18, 25, 35, 45, 55, 65, 75, 85, 92, 95),
        _jpeg,
        _decode,
        lambda: features.check("jpg"),
    ),
    "webp": Anchor(
        "WebP",
        "libwebp by Pillow: lossy (always 4:2:0), method 6, the slowest",
        (0, 2, 5, 10, 20, 35, 50, 65, 80, 90, 95),
        webp,
        _decode,
        lambda: features.check("webp"),
    ),
    "avif": Anchor(
        "AVIF",
        "libaom by Pillow: 4:4:4, speed 4 of 0 (slowest) to 10, tune=psnr",
        (8, 16, 25, 35, 45, 55, 65, 75, 85),
        avif,
        _decode,
        lambda: features.check("avif"),
    ),
    "jpeg2000": Anchor(
        "JPEG 2000",
        "OpenJPEG by Pillow: 9/7 wavelet, one layer, bare codestream",
        (0.1, 0.2, 0.3, 0.45, 0.65, 0.9, 1.2, 1.6, 2.2),
        jpeg2000,
        _decode,
        lambda: features.check("jpg_2000"),
    ),
    "jpegxl": Anchor(
        "JPEG XL",
        "libjxl by imagecodecs: lossy (XYB, tuned for eyes rather than PSNR), effort 7",
        (18, 12, 8, 5.5, 4, 2.8, 2, 1.4, 1, 0.6),
        jpeg_xl,
        _decode_jpeg_xl,
        lambda: importlib.util.find_spec("imagecodecs") is not None,
    ),
    "avif-default": Anchor(
        "AVIF, default",
        "libaom by Pillow, which chooses all but the quality: 4:2:0, speed 6",
        (8, 16, 25, 35, 45, 55, 65, 75, 85),
        default_avif,
        _decode,
        lambda: features.check("avif"),
    ),
}


def installed() -> list[str]:
    """Names of the anchors that this machine has."""
    return [name for name, anchor in ANCHORS.items() if anchor.installed()]
