"""A picture taken apart into its planes, and what they are as an array and as a PIL image."""

import dataclasses
from typing import Any

import numpy as np
from PIL import Image

from hcfss_jax.pictures.bit_depth import rescaled
from hcfss_jax.pictures.metadata import NO_METADATA, Metadata


@dataclasses.dataclass(frozen=True)
class Planes:
    """An upright image, taken apart.

    rgb: uint8 `[H, W, 3]`, or uint16 of more than 8 bits. alpha: `[H, W]`, likewise, or None for an opaque image.
    grey: whether it came without colour; then the three channels of `rgb` are equal. icc: the colour profile that
    describes the pixels, at most LARGEST_PROFILE bytes; None for sRGB. metadata: what else it says of itself.
    notes: what was left out of the source, in words for its owner. depth: bits a channel, 8 to 16; white is
    2**depth - 1.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    icc: bytes | None = None
    metadata: Metadata = NO_METADATA
    notes: tuple[str, ...] = ()
    depth: int = 8

    def at_depth(self, depth: int) -> "Planes":
        """With pixels of so many bits, the nearest values."""
        alpha = None if self.alpha is None else rescaled(self.alpha, self.depth, depth)
        rgb = rescaled(self.rgb, self.depth, depth)
        return dataclasses.replace(self, rgb=rgb, alpha=alpha, depth=depth)


def to_pil(planes: Planes) -> Image.Image:
    """The image as a user knows it: mode L, LA, RGB or RGBA; under `info` its profile and metadata, as Pillow has them.

    Where `grey` is set, the luma of `rgb` counts (ITU-R 601). More than eight bits become eight, but for opaque grey,
    which is of mode I;16 and reaches to 65535.
    """
    if planes.depth > 8 and fits_pillow(planes):
        image = Image.fromarray(rescaled(luma(planes.rgb), planes.depth, 16))
    else:
        planes = planes.at_depth(8)
        image = Image.fromarray(planes.rgb)
        if planes.grey:
            image = image.convert("L")
        if planes.alpha is not None:
            image.putalpha(Image.fromarray(planes.alpha))
    if planes.icc:
        image.info["icc_profile"] = planes.icc
    image.info |= planes.metadata.info()
    return image


def to_array(planes: Planes) -> np.ndarray:
    """uint8, or uint16 of `planes.depth` bits: `[H, W]` of grey, `[H, W, 2]` with alpha, `[H, W, 3]` or `[H, W, 4]`."""
    pixels = luma(planes.rgb) if planes.grey else planes.rgb
    return pixels if planes.alpha is None else np.dstack([pixels, planes.alpha])


def fits_pillow(planes: Planes) -> bool:
    """Whether a PIL image holds all bits of the pixels."""
    return planes.depth <= 8 or (planes.grey and planes.alpha is None)


def luma(rgb: Any) -> Any:
    """Of pixels `[..., 3]` of any depth, of NumPy or JAX, as Pillow rounds it for 8 bits; of equal channels, one."""
    # Widened first: NumPy 1 would take the least type that holds the weight. Sums stay below 2**32.
    red, green, blue = (rgb[..., channel].astype(np.uint32) for channel in range(3))
    total = red * np.uint32(19595) + green * np.uint32(38470) + blue * np.uint32(7471)
    return ((total + np.uint32(1 << 15)) >> np.uint32(16)).astype(rgb.dtype)


def described(planes: Planes) -> str:
    """Size and colours in words: "768x512 pixels, RGB", and the depth of more than 8 bits."""
    mode = ("L" if planes.grey else "RGB") + "A" * (planes.alpha is not None)
    bits = f", {planes.depth} bits a channel" * (planes.depth > 8)
    return f"{planes.rgb.shape[1]}x{planes.rgb.shape[0]} pixels, {mode}{bits}"
