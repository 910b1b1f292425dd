"""A JPEG XL with what a picture carries: without loss, as nothing is to be lost twice.

imagecodecs writes the pixels, and says of more than eight bits that they are linear light; what they are is put in its
place. EXIF and XMP lie in boxes around the codestream (ISO/IEC 18181-2).
"""

import struct
from collections.abc import Iterator

import numpy as np

from hcfss_jax.errors import UnsupportedImage
from hcfss_jax.pictures.deep_pixels import imagecodecs_for
from hcfss_jax.pictures.exif import with_density
from hcfss_jax.pictures.icc_profile import cicp_of
from hcfss_jax.pictures.jpeg_xl_header import with_cicp
from hcfss_jax.pictures.planes import Planes, to_array

_SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
_FTYP = b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
_SRGB = 1, 13


def jpeg_xl_file(planes: Planes) -> tuple[bytes, list[str]]:
    """The file, and notes of what it has no place for. Raises UnsupportedImage without imagecodecs."""
    encode = imagecodecs_for("JPEG XL").jpegxl_encode
    pixels = np.ascontiguousarray(to_array(planes))
    file = bytes(encode(pixels, lossless=True, bitspersample=planes.depth))
    cicp, notes = _colours(planes)
    boxes = _boxes(file) if file.startswith(_SIGNATURE) else iter([(b"jxlc", file)])
    parts = [_SIGNATURE, _FTYP]
    try:
        parts += [
            _box(kind, with_cicp(body, *cicp) if kind == b"jxlc" else body) for kind, body in boxes
        ]
    except ValueError as error:
        raise UnsupportedImage(f"JXL cannot hold this picture ({error}): use .png") from error
    told = planes.metadata
    try:
        exif = with_density(told.exif, told.dpi) if told.dpi else told.exif
    except Exception:  # whatever a parser of odd bytes comes to
        exif, notes = None, [*notes, "its EXIF cannot be read: it is left out"]
    if exif:
        parts.append(_box(b"Exif", bytes(4) + exif.removeprefix(b"Exif\0\0")))
    if told.xmp:
        parts.append(_box(b"xml ", told.xmp))
    return b"".join(parts), notes


def _colours(planes: Planes) -> tuple[tuple[int, int], list[str]]:
    if planes.icc is None:
        return _SRGB, []
    if cicp := cicp_of(planes.icc):
        return cicp, []
    return _SRGB, ["JXL is written without its colour profile, PNG has it"]


def _boxes(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Those behind the signature and the type, as imagecodecs writes them. Raises ValueError for others."""
    at = len(_SIGNATURE) + len(_FTYP)
    while at < len(file):
        size, kind = struct.unpack_from(">I4s", file, at)
        size = size or len(file) - at
        if size < 8 or kind == b"jxlp":
            raise ValueError(f"a box {kind!r}")
        yield kind, file[at + 8 : at + size]
        at += size


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body
