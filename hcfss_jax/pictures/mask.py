"""What people hand over as a mask: a picture, or an array, of what is of interest."""

from typing import Any

import numpy as np

from hcfss_jax.errors import HcfError, InvalidInput
from hcfss_jax.pictures.images import ImageSource, read_image

MaskSource = ImageSource
"""A path, bytes, an open file, a PIL image, or an array `[H, W]` or `[H, W, 1]`."""


def read_mask(source: MaskSource) -> np.ndarray:
    """How much each pixel is of interest: float32 `[H, W]` in [0, 1].

    A picture is white where it is, upright as `read_image` makes it; what is transparent is not. An array is of bool,
    of floats in [0, 1], or of uint8, which reach to 255, or to 1 where none is larger. Raises InvalidInput for another,
    and what `read_image` raises.
    """
    if hasattr(source, "__array__") and not hasattr(source, "getbands"):  # a PIL image has both
        return _of_array(np.asarray(source))
    try:
        planes = read_image(source, strip=True)
    except HcfError as error:
        raise type(error)(f"the mask: {error}") from error
    # The luma of ITU-R 601, as Pillow's; of grey its one channel, to the bit.
    luma = planes.rgb[..., 0] if planes.grey else planes.rgb @ np.array([0.299, 0.587, 0.114])
    mask = luma.astype(np.float32) / np.float32(255)
    return mask if planes.alpha is None else mask * (planes.alpha.astype(np.float32) / 255)


def mask_of_size(source: MaskSource, height: int, width: int) -> np.ndarray:
    """`read_mask` of a mask of an upright picture of that size. Raises InvalidInput for one of another, too."""
    mask = read_mask(source)
    if mask.shape != (height, width):
        raise InvalidInput(
            f"the mask is {mask.shape[1]}x{mask.shape[0]} pixels, and the picture, upright, {width}x{height}: "
            "make it of that size"
        )
    return mask


def _of_array(array: Any) -> np.ndarray:
    mask = array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array
    if mask.ndim != 2:
        raise InvalidInput(f"a mask is an array [H, W], not {list(array.shape)}")
    if mask.dtype == np.uint8:
        return mask.astype(np.float32) / np.float32(255 if mask.max(initial=0) > 1 else 1)
    if mask.dtype != bool and not np.issubdtype(mask.dtype, np.floating):
        raise InvalidInput(f"a mask is of bool, uint8 or floats, not {mask.dtype}")
    values = mask.astype(np.float32)
    if not np.all((values >= 0) & (values <= 1)):
        raise InvalidInput(
            f"a mask of floats lies in [0, 1], and this one reaches from {np.min(values):.4g} to "
            f"{np.max(values):.4g}"
        )
    return values
