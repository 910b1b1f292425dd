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

from hcfss_jax.errors import HcfError, ImageTooLarge, InvalidInput, UnsupportedImage
from hcfss_jax.pictures.bare_file import bare
from hcfss_jax.pictures.bit_depth import bits_a_channel, check_depth, is_deep, largest
from hcfss_jax.pictures.colour import profile_of, without_inks
from hcfss_jax.pictures.deep_pixels import DeepPixels, deep_pixels
from hcfss_jax.pictures.metadata import NO_METADATA, read_metadata
from hcfss_jax.pictures.other_containers import open_without_pillow
from hcfss_jax.pictures.planes import Planes, to_pil

__all__ = ["ByteSource", "ImageSource", "Planes", "bytes_of", "read_image", "to_pil"]

ByteSource = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""A path, bytes in memory, or an open file, which need not be able to seek."""

_GREY_MODES = frozenset({"1", "L", "LA", "La"})
# Formats of which Pillow does not tell all that counts: depth or colours.
_SAYS_MORE = frozenset({"AVIF", "ICNS", "ICO", "JPEG2000", "PNG"})


# JAX's arrays and others come by their method `__array__`.
ImageSource = ByteSource | Image.Image | np.ndarray | Planes | Any


def read_image(source: ImageSource, strip: bool = False, depth: int | None = None) -> Planes:
    """The planes of a file, of its bytes, of a PIL image or of an array, `[H, W]` or `[H, W, C]` of 1 to 4 channels.

    The orientation of EXIF is applied, palettes become colours, CMYK becomes sRGB (by its own
    profile, where it has one), and of an animation the first frame counts. Colours that are said in another way than
    by a profile get one (`colour.py`). strip: leave out EXIF, XMP and density.
    depth: bits of an array of uint16, 16 where nothing is said; uint8 has 8, files say their own.

    PNG, TIFF, AVIF, JPEG XL and JPEG 2000 of more than eight bits a channel are read at their depth where imagecodecs
    is installed. (An image that Pillow has loaded already often no longer tells: it is taken with the eight bits that
    Pillow leaves.)

    Raises UnsupportedImage for what is no image, a damaged one, and more than eight bits of another kind;
    InvalidInput for values or a depth that an array cannot have; ImageTooLarge for a file that would decode to more
    pixels than Pillow thinks safe; and OSError for a path or a file that cannot be read.
    """
    if isinstance(source, Planes):
        return dataclasses.replace(source, metadata=NO_METADATA) if strip else source
    if depth is not None and getattr(source, "dtype", None) != np.uint16:
        raise InvalidInput(f"depth={depth} is said of arrays of uint16: all else has its own")
    if isinstance(source, Image.Image):
        with _decoding():
            return _take_apart(source, _bytes_behind(source), strip)
    if hasattr(source, "__array__"):
        return _from_array(source, 16 if depth is None else depth)
    data = bytes_of(source)
    if data is None:
        raise UnsupportedImage(
            f"{_shown(source)} is no image: give a path, bytes, a file open for reading "
            "bytes, a PIL image, or an array of uint8 or uint16 [H, W, 3]"
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


def _decoded(data: bytes, strip: bool) -> Planes:
    with _decoding():
        try:
            image = Image.open(io.BytesIO(data))
        except UnidentifiedImageError:
            if (planes := _without_pillow(data, strip)) is None:
                raise
            return planes
        with image:
            return _take_apart(image, data, strip)


def _without_pillow(data: bytes, strip: bool) -> Planes | None:
    """None where the file is of a kind that is not known without Pillow, either."""
    if (found := open_without_pillow(data)) is None:
        return None
    image, deep, notes = found
    planes = _taken_apart(image, b"", strip, deep)
    return dataclasses.replace(planes, notes=(*notes, *planes.notes))


def _bytes_behind(image: Image.Image) -> bytes:
    """The file of an image that Pillow has opened and not loaded yet, where it is needed and at hand; else nothing."""
    if image.format == "JXL":
        return getattr(image, "fc", b"")  # where pillow_jxl keeps it
    file = getattr(image, "fp", None)
    if (
        not (image.format in _SAYS_MORE or is_deep(image))
        or file is None
        or file.closed
        or not file.seekable()
    ):
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


def _from_array(source: Any, depth: int) -> Planes:
    try:
        array = np.asarray(source)
    except Exception as error:  # such as a traced array of JAX, which has no numbers
        raise UnsupportedImage(f"{_shown(source)} is no array of pixels: {error}") from error
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.dtype not in (np.uint8, np.uint16) or (array.ndim, *array.shape[2:]) not in (
        (2,),
        (3, 2),
        (3, 3),
        (3, 4),
    ):
        raise UnsupportedImage(
            f"expected uint8 [H, W, 3], got {array.dtype} {list(array.shape)}: {_advice(array)}"
        )
    _check_not_empty(array.shape[1], array.shape[0])
    if array.dtype == np.uint16:
        _check_depth(array, depth)
        array = array if array.ndim == 3 else array[..., None]
        rgb, alpha = DeepPixels(array, depth).upright(None)
        return Planes(rgb, alpha, array.shape[-1] < 3, depth=depth)
    with _decoding():
        return _take_apart(Image.fromarray(array), b"", strip=False)


def _check_depth(array: np.ndarray, depth: int) -> None:
    """Raises InvalidInput for a depth that is none, and for values that it does not reach to."""
    check_depth(depth, least=9)
    if (most := array.max()) > largest(depth):
        raise InvalidInput(
            f"the array has values up to {most}, and {depth} bits reach to {largest(depth)}: say its true depth"
        )


def _advice(array: np.ndarray) -> str:
    if array.dtype not in (np.uint8, np.uint16):
        return "scale to 0..255, round and cast to uint8"
    if array.ndim == 4:
        return "give the images of a batch one by one"
    if array.ndim == 3 and array.shape[0] in (1, 3, 4):
        return "channels come last: transpose(1, 2, 0)"
    return "[H, W] and [H, W, C] of 1, 2 or 4 channels are images too, others are not"


def _shown(source: Any) -> str:
    """A value of the wrong type, in few words."""
    return f"{type(source).__name__} {source!r:.40}"


def _take_apart(image: Image.Image, data: bytes, strip: bool) -> Planes:
    """data: the file's, where they are known."""
    _check_not_empty(*image.size)
    by_plugin = image.format == "JXL" and bits_a_channel("JXL", data) > 8  # which cuts it
    if by_plugin and (planes := _without_pillow(data, strip)):
        return planes
    return _taken_apart(image, data, strip, deep_pixels(image, data))


def _taken_apart(image: Image.Image, data: bytes, strip: bool, deep: DeepPixels | None) -> Planes:
    """deep: the pixels, where they are not those of the image."""
    notes = []
    if (frames := getattr(image, "n_frames", 1)) > 1:
        notes.append(f"has {frames} frames or pages: only the first is kept")
    if deep is None or image.format == "PNG":  # which may hold metadata after its pixels
        image.load()
    metadata, method, more = read_metadata(image)
    grey = deep.grey if deep else image.mode in _GREY_MODES
    if image.mode == "CMYK":
        # The profile of the inks does not describe the RGB that they are turned into.
        upright, of_colour = without_inks(image)
        icc = None
    else:
        icc, of_colour = profile_of(image, grey, data)
        upright = image
    notes += of_colour if strip else of_colour + more
    if deep:
        rgb, alpha = deep.upright(method)
    else:
        rgb, alpha = _pixels_of(upright if method is None else upright.transpose(method))
    told = NO_METADATA if strip else metadata
    return Planes(rgb, alpha, grey, icc, told, tuple(notes), deep.depth if deep else 8)


def _pixels_of(upright: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """uint8 `[H, W, 3]`, and the alpha plane."""
    return np.array(_convert(upright, "RGB")), _alpha_of(upright)


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
