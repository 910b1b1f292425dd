"""Files that Pillow does not open, read by imagecodecs: JPEG XL, and TIFF of 10 or 12 bits, or of deep grey with alpha.

What such a file says beside its pixels stands in `info` of a PIL image that stands in for it.
"""

import io
import struct
from typing import Any

import numpy as np
from PIL import Image

from hcfss_jax.errors import ImageTooLarge, UnsupportedImage
from hcfss_jax.pictures.deep_pixels import INSTALL, DeepPixels, read_tiff, refusal
from hcfss_jax.pictures.exif import ORIENTATION, without_layout
from hcfss_jax.pictures.jpeg_xl_header import JpegXlHeader, read_jpeg_xl_header

_TIFF = (b"II*\0", b"MM\0*")
_XMP, _ICC = 700, 34675
_JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")


def open_without_pillow(data: bytes) -> tuple[Image.Image, DeepPixels | None, list[str]] | None:
    """(an image, its pixels where they are deep, notes of what is left out); None for what is not known here, either.

    Raises UnsupportedImage for what is not read, ImageTooLarge, and whatever imagecodecs raises for a damaged file.
    """
    if data.startswith(_TIFF):
        return _tiff(data)
    header = read_jpeg_xl_header(data) if data.startswith(_JPEG_XL) else None
    return None if header is None else _jpeg_xl(data, header)


def _tiff(data: bytes) -> tuple[Image.Image, DeepPixels, list[str]] | None:
    """Of which Pillow knows all but this order of bits."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2  # which takes a while

    tags = ImageFileDirectory_v2(data[:8])
    file = io.BytesIO(data)
    file.seek(tags.next)
    tags.load(file)
    depths = tags.get(258, (1,))
    if max(depths) <= 8 or not {256, 257} <= tags.keys():
        return None
    _check_size(tags[256], tags[257])
    deep = read_tiff(tags, data)
    told = Image.Exif()
    told.load(data)
    info: dict[Any, Any] = {"xmp": tags.get(_XMP), "icc_profile": tags.get(_ICC)}
    said = without_layout(told)
    said[ORIENTATION] = told.get(ORIENTATION, 1)
    info["exif"] = said.tobytes()
    notes = ["has several pages: only the first is kept"] * bool(tags.next)
    return _standing_in(deep, info), deep, notes


def _jpeg_xl(data: bytes, header: JpegXlHeader) -> tuple[Image.Image, DeepPixels | None, list[str]]:
    what = f"JPEG XL of {header.depth} bits" + ", floats" * header.floats
    if header.floats or header.depth > 16 or header.extras not in ((), (0,)):
        raise refusal(what + f", extra channels {header.extras}" * bool(header.extras))
    try:
        from imagecodecs import jpegxl_decode
    except ImportError as error:
        raise UnsupportedImage(
            f"a JPEG XL, which Pillow cannot read: {INSTALL} reads it, or convert it to PNG"
        ) from error
    _check_size(header.width, header.height)
    count = (1 if header.grey else 3) + len(header.extras)
    size = header.height, header.width
    out = np.empty(
        size if count == 1 else (*size, count), np.uint8 if header.depth <= 8 else np.uint16
    )
    pixels = jpegxl_decode(data, index=0, out=out)
    info, notes = _boxes(data)
    if header.cicp:
        primaries, transfer = header.cicp
        info["nclx_profile"] = {
            "color_primaries": primaries,
            "transfer_characteristics": transfer,
        }
    else:
        notes.append("has a colour profile that is not read from JPEG XL: it is taken as sRGB")
    if header.animated:
        notes.append("is an animation: only the first frame is kept")
    if header.depth > 8:
        deep = DeepPixels(pixels.reshape(*size, count), header.depth)
        return _standing_in(deep, info), deep, notes
    image = Image.fromarray(pixels)
    image.info |= info
    return image, None, notes


def _boxes(data: bytes) -> tuple[dict[Any, Any], list[str]]:
    """EXIF and XMP of the boxes of a JPEG XL, as `info` has them. The orientation is in the pixels' stream."""
    info: dict[Any, Any] = {}
    at = 0
    while data[4:8] == b"JXL " and at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            size, start = int.from_bytes(data[start : start + 8], "big"), start + 8
        end = at + size if size else len(data)
        if end <= at:
            break
        body = data[start:end]
        if kind == b"brob":
            return info, ["has compressed metadata, which are left out"]
        if kind == b"Exif" and len(body) > 8:
            exif = Image.Exif()
            try:
                exif.load(body[4 + int.from_bytes(body[:4], "big") :])
                exif.pop(ORIENTATION, None)
                info["exif"] = exif.tobytes()
            except Exception:  # whatever a parser of odd bytes comes to
                return info, ["has broken EXIF metadata: they are left out"]
        if kind == b"xml ":
            info["xmp"] = body
        at = end
    return info, []


def _standing_in(deep: DeepPixels, info: dict[Any, Any]) -> Image.Image:
    """An image of one pixel that says what the file says."""
    image = Image.new("L" if deep.grey else "RGB", (1, 1))
    image.info |= {name: value for name, value in info.items() if value}
    return image


def _check_size(width: int, height: int) -> None:
    """As Pillow does for what it opens. Raises ImageTooLarge."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit and width * height > 2 * limit:
        raise ImageTooLarge(f"{width}x{height} pixels: cut the image into parts")
