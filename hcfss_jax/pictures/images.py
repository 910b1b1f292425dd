"""Between what people hand over as an image and the planes that the codec works on."""

import contextlib
import dataclasses
import errno
import io
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from hcfss_jax.errors import HcfError, ImageTooLarge, UnsupportedImage
from hcfss_jax.pictures.bare_file import bare
from hcfss_jax.pictures.bit_depth import bits_a_channel, is_deep
from hcfss_jax.pictures.colour import profile_of, without_inks
from hcfss_jax.pictures.metadata import NO_METADATA, Metadata, read_metadata

ByteSource = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""A path, bytes in memory, or an open file, which need not be able to seek."""

_GREY_MODES = frozenset({"1", "L", "LA", "La"})
# Formats of which Pillow does not tell all that counts: depth or colours.
_SAYS_MORE = frozenset({"AVIF", "ICNS", "ICO", "JPEG2000", "PNG"})


@dataclasses.dataclass(frozen=True)
class Planes:
    """An upright image, taken apart.

    rgb: uint8 `[H, W, 3]`. alpha: uint8 `[H, W]`, or None for an opaque image. grey: whether it
    came without colour; then the three channels of `rgb` are equal. icc: the colour profile that
    describes the pixels, at most LARGEST_PROFILE bytes; None for sRGB. metadata: what else it says of itself.
    notes: what was left out of the source, in words for its owner.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    grey: bool = False
    icc: bytes | None = None
    metadata: Metadata = NO_METADATA
    notes: tuple[str, ...] = ()


# JAX's arrays and others come by their method `__array__`.
ImageSource = ByteSource | Image.Image | np.ndarray | Any


def read_image(source: ImageSource, strip: bool = False) -> Planes:
    """The planes of a file, of its bytes, of a PIL image or of an array, uint8 `[H, W]`, `[H, W, 1]`, 3 or 4 channels.

    The orientation of EXIF is applied, palettes become colours, CMYK becomes sRGB (by its own
    profile, where it has one), and of an animation the first frame counts. Colours that are said in another way than
    by a profile get one (`colour.py`). strip: leave out EXIF, XMP and density.

    Raises UnsupportedImage for what is no image, a damaged one, and more than eight bits a channel (of
    an image that Pillow has loaded already this can often no longer be told: it is taken with the
    eight that Pillow leaves); ImageTooLarge for a file that would decode to more pixels than
    Pillow thinks safe; and OSError for a path or a file that cannot be read.
    """
    if isinstance(source, Image.Image):
        with _decoding():
            return _take_apart(source, _bytes_behind(source), strip)
    if hasattr(source, "__array__"):
        return _take_apart(_from_array(source), b"", strip)
    data = bytes_of(source)
    if data is None:
        raise UnsupportedImage(
            f"{_shown(source)} is no image: give a path, bytes, a file open for reading "
            "bytes, a PIL image, or an array of uint8 [H, W, 3]"
        )
    try:
        return _decoded(data, strip)
    except UnsupportedImage:
        pixels, note = bare(data)
        with contextlib.suppress(UnsupportedImage):
            if pixels != data:
                planes = _decoded(pixels, strip)
                return dataclasses.replace(planes, notes=(*planes.notes, note))
        raise


def bytes_of(source: Any) -> bytes | None:
    """All of a file, from its start where it can seek, or of bytes in memory; None for what is neither.

    Raises OSError for a file that cannot be read.
    """
    if isinstance(source, str | os.PathLike):
        try:
            return Path(source).read_bytes()
        except ValueError as error:  # a zero byte in it
            raise FileNotFoundError(errno.ENOENT, str(error), str(source)) from error
    if hasattr(source, "read"):
        seekable = getattr(source, "seekable", None)
        if seekable and seekable():
            source.seek(0)  # as Pillow does: a buffer just written is at its end
        source = source.read()
    try:
        return source if isinstance(source, bytes) else memoryview(source).tobytes()
    except TypeError:
        return None


def to_pil(planes: Planes) -> Image.Image:
    """The image as a user knows it: mode L, LA, RGB or RGBA; under `info` its profile and metadata, as Pillow has them.

    Where `grey` is set, the luma of `rgb` counts (ITU-R 601).
    """
    image = Image.fromarray(planes.rgb)
    if planes.grey:
        image = image.convert("L")
    if planes.alpha is not None:
        image.putalpha(Image.fromarray(planes.alpha))
    if planes.icc:
        image.info["icc_profile"] = planes.icc
    image.info |= planes.metadata.info()
    return image


def _decoded(data: bytes, strip: bool) -> Planes:
    with _decoding(), Image.open(io.BytesIO(data)) as image:
        return _take_apart(image, data, strip)


def _bytes_behind(image: Image.Image) -> bytes:
    """The file of an image that Pillow has opened and not loaded yet, where it is needed and at hand; else nothing."""
    if image.format == "JXL":
        return getattr(image, "fc", b"")  # where pillow_jxl keeps it
    file = getattr(image, "fp", None)
    if image.format not in _SAYS_MORE or file is None or file.closed or not file.seekable():
        return b""
    place = file.tell()
    try:
        file.seek(0)
        return file.read()
    finally:
        file.seek(place)


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


def _from_array(source: Any) -> Image.Image:
    try:
        array = np.asarray(source)
    except Exception as error:  # such as a traced array of JAX, which has no numbers
        raise UnsupportedImage(f"{_shown(source)} is no array of pixels: {error}") from error
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.dtype != np.uint8 or (array.ndim, *array.shape[2:]) not in ((2,), (3, 3), (3, 4)):
        raise UnsupportedImage(
            f"expected uint8 [H, W, 3], got {array.dtype} {list(array.shape)}: {_advice(array)}"
        )
    _check_not_empty(array.shape[1], array.shape[0])
    return Image.fromarray(array)


def _advice(array: np.ndarray) -> str:
    if array.dtype != np.uint8:
        return "scale to 0..255, round and cast to uint8"
    if array.ndim == 4:
        return "give the images of a batch one by one"
    if array.ndim == 3 and array.shape[0] in (1, 3, 4):
        return "channels come last: transpose(1, 2, 0)"
    return "[H, W], [H, W, 1] and [H, W, 4] are images too, others are not"


def _shown(source: Any) -> str:
    """A value of the wrong type, in few words."""
    return f"{type(source).__name__} {source!r:.40}"


def _take_apart(image: Image.Image, data: bytes, strip: bool) -> Planes:
    """data: the file's, where they are known."""
    _check_not_empty(*image.size)
    if is_deep(image) or bits_a_channel(image.format, data) > 8:
        raise UnsupportedImage(
            f"more than 8 bits a channel (mode {image.mode}): convert it to 8 bits first"
        )
    notes = []
    if (frames := getattr(image, "n_frames", 1)) > 1:
        notes.append(f"has {frames} frames or pages: only the first is kept")
    image.load()
    metadata, method, more = read_metadata(image)
    grey = image.mode in _GREY_MODES
    if image.mode == "CMYK":
        # The profile of the inks does not describe the RGB that they are turned into.
        upright, of_colour = without_inks(image)
        icc = None
    else:
        icc, of_colour = profile_of(image, grey, data)
        upright = image
    if method is not None:
        upright = upright.transpose(method)
    alpha = _alpha_of(upright)
    notes += of_colour if strip else of_colour + more
    rgb = np.array(_convert(upright, "RGB"))
    return Planes(rgb, alpha, grey, icc, NO_METADATA if strip else metadata, tuple(notes))


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


def _check_not_empty(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise UnsupportedImage(f"the image has no pixels: it is {width}x{height}")
