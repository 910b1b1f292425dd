"""A codec that needs no model, and photos to give it."""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hcfss_jax.errors import InvalidInput, InvalidQuality, NotAnHcfFile
from hcfss_jax.pictures.bit_depth import dtype_of
from hcfss_jax.pictures.planes import Planes


class FakeCodec:
    """Lossless and quick, with the interface of the real one: files need no model."""

    name, levels, default_quality, base_quality = "fake", 8, 4.0, 1.0

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def check_quality(self, quality: float) -> None:
        if quality > 8:
            raise InvalidQuality(f"quality {quality:g}: fake offers 1 to 8")

    def check_effort(self, effort: int, tune: str | None = None) -> None:
        if tune == "ms-ssim" and effort > 8:
            raise InvalidInput("fake cannot")

    def compress(
        self, image: Planes, quality: float, progress=iter, step_checks=False, **given
    ) -> bytes:
        self.asked.append((quality, given) if given else quality)
        size = bytes([*image.rgb.shape[:2], image.depth])
        return b"FAKE" + size + zlib.compress(image.rgb.tobytes())

    def target(
        self,
        image: Planes,
        progress=iter,
        step_checks=False,
        bpp=None,
        size=None,
        psnr=None,
        ms_ssim=None,
        **given,
    ) -> tuple[bytes, float]:
        numbers = {"bpp": bpp, "size": size, "psnr": psnr, "ms_ssim": ms_ssim}
        asked = " ".join(f"{number} {name}" for name, number in numbers.items() if number)
        self.asked.append((asked, given) if given else asked)
        return self.compress(image, 2.5), 2.5

    def decode(self, data: bytes, progress=iter, depth: int | None = None, **how) -> Planes:
        if how:
            self.asked.append(how)
        if data[:4] != b"FAKE":
            raise NotAnHcfFile(f"starts with {data[:4]!r}: not written by this codec")
        height, width, stored = data[4:7]
        pixels = np.frombuffer(zlib.decompress(data[7:]), dtype_of(stored))
        planes = Planes(pixels.reshape(height, width, 3), depth=stored)
        return planes.at_depth(depth or stored)


def photo(path: str, seed: int = 0) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def tree(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
