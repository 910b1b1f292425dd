"""The same part of a picture through several codecs, at one rate."""

import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from eval.anchors import ANCHORS, Anchor
from eval.measure import Point
from eval.sweep import Setting, read_picture
from hcfss_jax.metrics import psnr

SIDE = 192
BPP = 0.35
_PICTURES = 3
_RIVALS = ("jpeg", "webp", "avif")


@dataclasses.dataclass(frozen=True)
class Crop:
    """A part of a decoded picture. bpp and psnr: of the whole picture, None for the original. webp: lossless."""

    label: str
    bpp: float | None
    psnr: float | None
    webp: bytes


def crops(
    files: Mapping[str, Path],
    points: Sequence[Point],
    settings: Sequence[Setting],
    how: Mapping[str, Any] = {},
) -> dict[str, list[Crop]]:
    """For a few pictures, evenly spread over `files`: the original, ours near BPP, the anchors at our size.

    files: by name. points: of the sweep over these files; the anchors shown are among those measured.
    how: see `measure`.
    """
    chosen = list(files.items())[:: -(-len(files) // _PICTURES)]
    return {
        name: _row(file, [point for point in points if point.image == name], settings, how)
        for name, file in chosen
    }


def _row(
    file: Path, points: Sequence[Point], settings: Sequence[Setting], how: Mapping[str, Any]
) -> list[Crop]:
    picture, _ = read_picture(file)
    pixels = np.asarray(picture.convert("RGB"))
    place = _liveliest(pixels)
    codec, quality = _nearest(points, settings)
    encoded = codec.encode(picture, quality, **how)
    size = len(encoded.data)
    row = [Crop("original", None, None, _cut(pixels, place))]
    row.append(_crop(codec.name, pixels, encoded.x_hat, size, place))
    for name in _RIVALS:
        if lengths := {int(p.quality): p.bytes for p in points if p.codec == name and p.bytes}:
            anchor = ANCHORS[name]
            data = _of_size(anchor, picture, size, lengths)
            decoded = np.asarray(anchor.decode(data).convert("RGB"))
            row.append(_crop(anchor.label, pixels, decoded, len(data), place))
    return row


def _nearest(points: Sequence[Point], settings: Sequence[Setting]) -> Setting:
    """The setting of ours whose rate is nearest to BPP."""
    rates = {(point.weights, point.quality): point.bpp for point in points}
    return min(settings, key=lambda s: abs(rates[s[0].fingerprint.hex(), s[1]] - BPP))


def _of_size(anchor: Anchor, picture: Image.Image, size: int, lengths: Mapping[int, int]) -> bytes:
    """The file nearest to `size` bytes, of those at integer qualities; lengths grow with quality.

    lengths: of files at some qualities, between which to look.
    """
    low = max((q for q, length in lengths.items() if length < size), default=min(lengths))
    high = min((q for q, length in lengths.items() if length >= size), default=max(lengths))
    while high - low > 1:
        middle = (low + high) // 2
        shorter = len(anchor.encode(picture, middle)) < size
        low, high = (middle, high) if shorter else (low, middle)
    files = [anchor.encode(picture, quality) for quality in (low, high)]
    return min(files, key=lambda data: abs(len(data) - size))


def _liveliest(pixels: np.ndarray) -> tuple[slice, slice]:
    """The part with the largest variance, on a grid of half its side: a rule that knows no codec."""
    height, width = pixels.shape[:2]
    places = [
        (slice(top, top + SIDE), slice(left, left + SIDE))
        for top in range(0, max(height - SIDE, 0) + 1, SIDE // 2)
        for left in range(0, max(width - SIDE, 0) + 1, SIDE // 2)
    ]
    return max(places, key=lambda place: float(pixels[place].var()))


def _crop(
    label: str, original: np.ndarray, decoded: np.ndarray, size: int, place: tuple[slice, slice]
) -> Crop:
    bpp = 8 * size / (original.shape[0] * original.shape[1])
    return Crop(label, bpp, float(psnr(original, decoded)), _cut(decoded, place))


def _cut(pixels: np.ndarray, place: tuple[slice, slice]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels[place]).save(buffer, "WEBP", lossless=True, quality=50, method=3)
    return buffer.getvalue()
