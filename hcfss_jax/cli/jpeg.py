"""JPEG, the rival that everybody has."""

import io

import numpy as np
from PIL import Image


def jpeg(image: Image.Image, quality: int) -> bytes:
    """Baseline JPEG with 4:2:0 chroma and optimised Huffman tables; quality 1 to 95."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling="4:2:0", optimize=True)
    return buffer.getvalue()


def jpeg_of_size(pixels: np.ndarray, size: int) -> tuple[bytes, int]:
    """The JPEG (4:2:0, optimised) whose length is nearest to `size` bytes, and its quality."""
    image = Image.fromarray(pixels)
    low, high = 1, 95
    while high - low > 1:  # lengths grow with quality
        middle = (low + high) // 2
        low, high = (middle, high) if len(jpeg(image, middle)) < size else (low, middle)
    candidates = [(jpeg(image, quality), quality) for quality in (low, high)]
    return min(candidates, key=lambda candidate: abs(len(candidate[0]) - size))
