"""Bits a channel, also where Pillow and its plugins bring them to eight without saying so."""

import re

import numpy as np
from PIL import Image

from hcfss_jax.errors import InvalidInput
from hcfss_jax.pictures.jpeg_xl_header import read_jpeg_xl_header

# The AV1 configuration of each image of a file (grids and alpha planes have their own): marker and
# version, profile and level, then flags. These five bytes stand nowhere else but by chance in 2**40.
_AV1_CONFIGURATION = re.compile(rb"av1C\x81.(.)", re.DOTALL)
_HIGH_BITDEPTH, _TWELVE_BIT = 0x40, 0x20
# A JPEG 2000 codestream begins so, bare or in its box: SOC, SIZ, 36 bytes of sizes and the number of
# components; three bytes of each component follow, its depth first.
_SIZ = re.compile(rb"\xff\x4f\xff\x51.{36}(..)", re.DOTALL)
# Icons hold whole PNGs: width and height in four bytes each, then the depth.
_PNG_HEADER = re.compile(rb"IHDR.{8}(.)", re.DOTALL)
# Pillow cuts these raw modes of sixteen bits a channel down to eight, in silence. ("BGR;16",
# without an order of bytes, is another thing: sixteen bits a pixel.)
_DEEP_RAW_MODE = re.compile(r";16[BLN]$")
_TIFF_BITS = 258

DEEPEST = 16
"""Bits a channel that pictures may have, from 8 on."""


def check_depth(depth: int, least: int = 8) -> None:
    """Raises InvalidInput for bits a channel that no picture has."""
    if isinstance(depth, bool) or depth not in range(least, DEEPEST + 1):
        raise InvalidInput(f"depth={depth!r}: {least} to {DEEPEST} bits a channel")


def largest(depth: int) -> int:
    """The value of white."""
    return (1 << depth) - 1


def dtype_of(depth: int) -> type[np.unsignedinteger]:
    """What holds pixels of so many bits: uint8 for 8, uint16 for more."""
    return np.uint8 if depth <= 8 else np.uint16


def rescaled(pixels: np.ndarray, depth: int, wanted: int) -> np.ndarray:
    """Pixels of `depth` bits as such of `wanted` bits: black and white stay, the nearest value between them."""
    if wanted == depth:
        return pixels
    whole = largest(depth)
    values = pixels.astype(np.uint32)  # products stay below 2**32
    values *= largest(wanted)
    values += whole // 2
    values //= whole
    return values.astype(dtype_of(wanted))


def bits_a_channel(kind: str | None, data: bytes) -> int:
    """The depth of the deepest channel of a file whose format Pillow calls `kind`.

    8 for formats whose depth Pillow tells by itself, and for files too damaged to say. Of a JPEG XL the colours count.
    """
    if kind == "AVIF":
        flags = (match[1][0] for match in _AV1_CONFIGURATION.finditer(data))
        return max((_av1_depth(byte) for byte in flags), default=8)
    if kind == "JPEG2000" and (start := _SIZ.search(data)):
        components = int.from_bytes(start[1], "big")
        depths = data[start.end() : start.end() + 3 * components : 3]
        return max(((depth & 0x7F) + 1 for depth in depths), default=8)  # the top bit is a sign
    if kind == "JXL" and (told := read_jpeg_xl_header(data)):
        return told.depth
    if kind in ("ICO", "ICNS"):
        return max((match[1][0] for match in _PNG_HEADER.finditer(data)), default=8)
    return 8


def bits_of_tiff(image: Image.Image, otherwise: int) -> int:
    """The depth of the deepest channel by the tags of a TIFF; `otherwise` of an image that has none."""
    return max(getattr(image, "tag_v2", {}).get(_TIFF_BITS, (otherwise,)), default=otherwise)


def is_deep(image: Image.Image) -> bool:
    """Whether an image that Pillow has opened has more than eight bits a channel, by all that it tells.

    Of pixels that are decoded already, only the mode and what plugins wrote down still tell.
    """
    return (
        image.mode == "F"
        or image.mode.startswith("I")
        or any(_is_deep_tile(tile[0], tile[3]) for tile in getattr(image, "tile", ()))
        or bits_of_tiff(image, otherwise=8) > 8
        or image.info.get("bit_depth", 8) > 8  # pillow_heif's word
    )


def _is_deep_tile(decoder: str, args: object) -> bool:
    """Whether what a decoder of Pillow is told of its raw pixels names more than eight bits a channel."""
    first, *more = args if isinstance(args, tuple) and args else (args,)
    if decoder == "SGI16":
        return True
    if decoder == "bcn":  # blocks of half floats
        return str(more[0]).startswith("BC6H") if more else False
    if decoder == "dds_rgb":  # bits of a pixel, and a mask for each channel
        return any(mask.bit_count() > 8 for mask in more[0])
    if decoder.startswith("ppm"):  # the largest value; bitmaps (P1) have none
        return bool(_DEEP_RAW_MODE.search(str(first))) or (bool(more) and more[-1] > 255)
    return bool(_DEEP_RAW_MODE.search(str(first)))


def _av1_depth(flags: int) -> int:
    if not flags & _HIGH_BITDEPTH:
        return 8
    return 12 if flags & _TWELVE_BIT else 10
