"""A codec that needs no model, and photos to give it."""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hcfss_jax.errors import InvalidQuality, NotAnHcfFile


class FakeCodec:
    """Lossless and quick, with the interface of the real one: files need no model."""

    name, levels, default_quality, base_quality = "fake", 8, 4.0, 1.0

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def check_quality(self, quality: float) -> None:
        if quality > 8:
            raise InvalidQuality(f"quality {quality:g}: fake offers 1 to 8")

    def compress(
        self, image: Image.Image, quality: float, progress=iter, step_checks=False, **given
    ) -> bytes:
        self.asked.append((quality, given) if given else quality)
        pixels = np.asarray(image.convert("RGB"))
        return b"FAKE" + bytes(pixels.shape[:2]) + zlib.compress(pixels.tobytes())

    def target_bpp(
        self, image: Image.Image, bpp: float, progress=iter, **given
    ) -> tuple[bytes, float]:
        self.asked.append((f"{bpp} bpp", given) if given else f"{bpp} bpp")
        return self.compress(image, 2.5), 2.5

    def decompress(self, data: bytes, progress=iter, **given) -> Image.Image:
        if given:
            self.asked.append(given)
        if data[:4] != b"FAKE":
            raise NotAnHcfFile(f"starts with {data[:4]!r}: not written by this codec")
        pixels = np.frombuffer(zlib.decompress(data[6:]), np.uint8)
        return Image.fromarray(pixels.reshape(data[4], data[5], 3))


def photo(path: str, seed: int = 0) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def tree(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
