"""Codecs that everybody has, as anchors: JPEG and WebP by Pillow."""

import io
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from hcfss_jax.cli.jpeg import jpeg

JPEG_QUALITIES = (3, 5, 8, 12, 18, 25, 35, 45, 55, 65, 75, 85, 92, 95)
WEBP_QUALITIES = (0, 2, 5, 10, 20, 35, 50, 65, 80, 90, 95)

Encoder = Callable[[Image.Image, int], bytes]


def webp(image: Image.Image, quality: int) -> bytes:
    """Lossy WebP at its slowest and best setting; quality 0 to 100."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=6)
    return buffer.getvalue()


# Name -> how to encode, and the qualities that span the rates of learned codecs.
ANCHORS: dict[str, tuple[Encoder, tuple[int, ...]]] = {
    "jpeg": (jpeg, JPEG_QUALITIES),
    "webp": (webp, WEBP_QUALITIES),
}


def curve(name: str, pixels: np.ndarray) -> Iterator[tuple[int, bytes, np.ndarray]]:
    """(quality, file, decoded uint8 `[H, W, 3]`) at each quality of the anchor `name`."""
    encode, qualities = ANCHORS[name]
    image = Image.fromarray(pixels)
    for quality in qualities:
        data = encode(image, quality)
        with Image.open(io.BytesIO(data)) as decoded:
            yield quality, data, np.asarray(decoded.convert("RGB"))
