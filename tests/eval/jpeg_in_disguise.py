"""A codec of the right interface whose figures are known, because it is JPEG."""

import dataclasses
import io
import types
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import hcfss_jax
from hcfss_jax.cli.jpeg import jpeg
from hcfss_jax.errors import InvalidInput, InvalidQuality
from hcfss_jax.pictures.images import read_image

PHOTO = read_image(Path(hcfss_jax.__file__).parent / "shipped" / "astronaut.webp").rgb


@dataclasses.dataclass(frozen=True)
class Disguised:
    """What `Codec.encode` returns."""

    data: bytes
    x_hat: np.ndarray
    estimated_bits: float


class JpegInDisguise:
    """Quality 1 to 95, or, for weights of one rate, the JPEG quality given at quality 1."""

    name, parameter_count = "disguise", 7
    model = types.SimpleNamespace(takes=("mask",))
    padding = b""  # appended to every file
    promised_too_much = 0  # grey levels between the promised picture and the decoded one
    hardest = 9  # the most effort that it can make
    interrupted_at = 0  # the encoding during which the user presses Ctrl-C

    def __init__(self, only: int | None = None):
        self.only = only
        self.levels = 95 if only is None else 1
        self.fingerprint = bytes([1, 2, 3, only or 0])
        self.encoded: list[Image.Image] = []
        self.given: list[dict[str, Any]] = []

    def check_quality(self, quality: float) -> None:
        if not 1 <= quality <= self.levels:
            raise InvalidQuality(f"quality {quality:g}: {self.name} offers 1 to {self.levels}")

    def check_effort(self, effort: int, tune: str | None) -> None:
        if effort > self.hardest:
            raise InvalidInput(f"effort {effort}: no record")

    def encode(self, image: Image.Image, quality: float, **given: Any) -> Disguised:
        self.encoded.append(image)
        self.given.append(given)
        if len(self.encoded) == self.interrupted_at:
            raise KeyboardInterrupt
        coded = jpeg(image, self.only or int(quality)) + self.padding
        promised = np.asarray(self.decompress(coded).convert("RGB")) ^ self.promised_too_much
        return Disguised(coded, promised, 8.0 * len(coded))

    def decompress(self, coded: bytes) -> Image.Image:
        return Image.open(io.BytesIO(coded))
