"""What an image carries beside its colours, as extra sections of a file: alpha and colour profile, lossless."""

import io
import warnings
import zlib
from collections.abc import Mapping

import numpy as np
from PIL import Image

from hcfss_jax.coding import Extra
from hcfss_jax.errors import CorruptSection
from hcfss_jax.images import LARGEST_PROFILE, Planes


def from_planes(planes: Planes) -> dict[int, bytes]:
    """The extra sections of an image, by type; an opaque image without a profile has none."""
    extras: dict[int, bytes] = {}
    if planes.alpha is not None:
        buffer = io.BytesIO()
        Image.fromarray(planes.alpha).save(buffer, "PNG", optimize=True)
        extras[Extra.ALPHA] = buffer.getvalue()
    if planes.icc:
        extras[Extra.ICC] = zlib.compress(planes.icc, 9)
    return extras


def to_planes(rgb: np.ndarray, colour: str, extras: Mapping[int, bytes]) -> Planes:
    """The image of decoded colours uint8 `[H, W, 3]` and its extra sections.

    Raises CorruptSection where a section is not what its type says.
    """
    height, width = rgb.shape[:2]
    alpha = _alpha(extras[Extra.ALPHA], height, width) if Extra.ALPHA in extras else None
    return Planes(rgb, alpha, colour == "grey", profile_of(extras))


def profile_of(extras: Mapping[int, bytes]) -> bytes | None:
    """The colour profile among the extra sections. Raises CorruptSection where it cannot be read."""
    return _inflated(extras[Extra.ICC]) if Extra.ICC in extras else None


def _alpha(png: bytes, height: int, width: int) -> np.ndarray:
    try:
        # Pillow warns from half of the size that the codec takes.
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(io.BytesIO(png), formats=["PNG"]) as image,
        ):
            # Before a pixel is decoded: a forged header must not cost memory.
            if image.mode != "L" or image.size != (width, height):
                raise CorruptSection(
                    f"the alpha plane is {image.mode} {image.size}, not L {width, height}"
                )
            return np.array(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise CorruptSection(f"the alpha plane cannot be read: {error}") from error


def _inflated(data: bytes) -> bytes:
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(data, LARGEST_PROFILE)
    except zlib.error as error:
        raise CorruptSection(f"the colour profile cannot be read: {error}") from error
    if not inflate.eof:
        raise CorruptSection(f"the colour profile is cut, or exceeds {LARGEST_PROFILE} bytes")
    return profile
