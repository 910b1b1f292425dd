"""Between what people hand over as an image and the planes that the codec works on."""

import contextlib
import dataclasses
import io
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from hcfss_jax.bit_depth import bits_a_channel
from hcfss_jax.errors import HcfError, ImageTooLarge, UnsupportedImage

ImageSource = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | np.ndarray

LARGEST_PROFILE = 1 << 24  # bytes that a file may keep; a colour profile takes some kilobytes

_GREY_MODES = frozenset({"1", "L", "LA", "La"})
# Pillow cuts these raw modes of sixteen bits a channel down to eight, in silence. ("BGR;16",
# without an order of bytes, is another thing: sixteen bits a pixel.)
_DEEP_RAW_MODE = re.compile(r";16[BLN]$")


@dataclasses.dataclass(frozen=True)
class Planes:
    """An upright image, taken apart.

    rgb: uint8 `[H, W, 3]`. alpha: uint8 `[H, W]`, or None for an opaque image. grey: whether it
    came without colour; then the three channels of `rgb` are equal. icc: the colour profile that
    describes the pixels, at most LARGEST_PROFILE bytes. notes: what was left out of the source, in words for its owner.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    icc: bytes | None = None
    notes: tuple[str, ...] = ()


def read_image(source: ImageSource) -> Planes:
    """The planes of a file, of its bytes, of a PIL image or of uint8 `[H, W, 3 or 4]`.

    The orientation of EXIF is applied, palettes become colours, CMYK becomes sRGB (by its own
    profile, where it has one), and of an animation the first frame counts. Raises
    UnsupportedImage for what is no image, a damaged one, and more than eight bits a channel (of
    an AVIF or a JPEG 2000 that Pillow has opened this can no longer be told: it is taken with the
    eight that Pillow leaves); ImageTooLarge for a file that would decode to more pixels than
    Pillow thinks safe; and OSError for a path or a file that cannot be read.
    """
    if isinstance(source, Image.Image):
        with _decoding():
            return _take_apart(source)
    if isinstance(source, np.ndarray):
        return _take_apart(_from_array(source))
    data = _read(source)
    with _decoding(), Image.open(io.BytesIO(data)) as image:
        _refuse_deep(bits_a_channel(image.format, data) > 8, image)
        return _take_apart(image)


def to_pil(planes: Planes) -> Image.Image:
    """The image as a user knows it: mode L, LA, RGB or RGBA, its profile under `info`.

    Where `grey` is set, the luma of `rgb` counts (ITU-R 601).
    """
    image = Image.fromarray(planes.rgb)
    if planes.grey:
        image = image.convert("L")
    if planes.alpha is not None:
        image.putalpha(Image.fromarray(planes.alpha))
    if planes.icc:
        image.info["icc_profile"] = planes.icc
    return image


def _read(source: str | os.PathLike[str] | bytes | BinaryIO) -> bytes:
    if isinstance(source, bytes):
        return source
    if isinstance(source, str | os.PathLike):
        return Path(source).read_bytes()
    if source.seekable():
        source.seek(0)  # as Pillow does: a buffer just written is at its end
    return source.read()


@contextlib.contextmanager
def _decoding() -> Iterator[None]:
    """Names what goes wrong with a picture: decoders meet damage with whatever exception is near."""
    try:
        # Pillow warns of odd metadata, which is nothing to the pixels, and from half of the size
        # that it refuses: a codec for photos meets such panoramas.
        with warnings.catch_warnings(action="ignore"):
            yield
    except (HcfError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise UnsupportedImage(
            "not an image, or of a kind that Pillow cannot read: convert it to PNG or JPEG"
        ) from error
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(f"{error}: cut the image into parts") from error
    except Exception as error:
        raise UnsupportedImage(f"a damaged image: {str(error) or type(error).__name__}") from error


def _from_array(array: np.ndarray) -> Image.Image:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[-1] not in (3, 4):
        raise UnsupportedImage(
            f"expected uint8 [H, W, 3], got {array.dtype} {list(array.shape)}: "
            "scale to 0..255, round and cast to uint8"
        )
    _check_not_empty(array.shape[1], array.shape[0])
    return Image.fromarray(array)


def _take_apart(image: Image.Image) -> Planes:
    _check_not_empty(*image.size)
    _check_eight_bits(image)
    notes = []
    if (frames := getattr(image, "n_frames", 1)) > 1:
        notes.append(f"has {frames} frames or pages: only the first is kept")
    upright = ImageOps.exif_transpose(image)
    grey = upright.mode in _GREY_MODES
    icc = upright.info.get("icc_profile") or None
    if upright.mode == "CMYK":
        # The profile of the inks does not describe the RGB that they are turned into.
        upright, icc = _cmyk_to_rgb(upright, icc), None
    if icc and len(icc) > LARGEST_PROFILE:
        notes.append(f"has a colour profile of {len(icc):,} bytes: it is left out")
        icc = None
    alpha = _alpha_of(upright)
    return Planes(np.array(_convert(upright, "RGB")), alpha, grey, icc, tuple(notes))


def _alpha_of(image: Image.Image) -> np.ndarray | None:
    """The alpha plane, also of a palette entry or a colour that stands for transparent."""
    if not image.has_transparency_data:
        return None
    return np.array(_convert(image, "RGBA").getchannel("A"))


def _convert(image: Image.Image, mode: str) -> Image.Image:
    try:
        return image.convert(mode)
    except ValueError as error:
        raise UnsupportedImage(
            f"pixels of mode {image.mode} cannot be converted to RGB: convert it first"
        ) from error


def _cmyk_to_rgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    if icc:
        try:
            inks = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            screen = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, inks, screen, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None  # a broken profile is worth no more than none
        if converted is not None:
            return converted
    return image.convert("RGB")


def _check_not_empty(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise UnsupportedImage(f"the image has no pixels: it is {width}x{height}")


def _check_eight_bits(image: Image.Image) -> None:
    deep = image.mode == "F" or image.mode.startswith("I")
    for decoder, _, _, args in getattr(image, "tile", ()):
        raw_mode, *more = args if isinstance(args, tuple) and args else (args,)
        deep = deep or bool(_DEEP_RAW_MODE.search(str(raw_mode)))
        # Portable pixmaps say the largest value instead; bitmaps (P1) have none.
        deep = deep or (decoder.startswith("ppm") and bool(more) and more[-1] > 255)
    _refuse_deep(deep, image)


def _refuse_deep(deep: bool, image: Image.Image) -> None:
    if deep:
        raise UnsupportedImage(
            f"more than 8 bits a channel (mode {image.mode}): convert it to 8 bits first"
        )
