"""Bits a channel, also where Pillow and its plugins bring them to eight without saying so."""

import re

from PIL import Image

# The AV1 configuration of each image of a file (grids and alpha planes have their own): marker and
# version, profile and level, then flags. These five bytes stand nowhere else but by chance in 2**40.
_AV1_CONFIGURATION = re.compile(rb"av1C\x81.(.)", re.DOTALL)
_HIGH_BITDEPTH, _TWELVE_BIT = 0x40, 0x20
# A JPEG 2000 codestream begins so, bare or in its box: SOC, SIZ, 36 bytes of sizes and the number of
# components; three bytes of each component follow, its depth first.
_SIZ = re.compile(rb"\xff\x4f\xff\x51.{36}(..)", re.DOTALL)
# A JPEG XL codestream begins so, bare or in its box, of which there may be several with a number each.
_JXL = re.compile(rb"(?:\A|jxlc|jxlp.{4})\xff\x0a", re.DOTALL)
_JXL_BYTES = 64  # that the fields before the depth fit in many times
# Icons hold whole PNGs: width and height in four bytes each, then the depth.
_PNG_HEADER = re.compile(rb"IHDR.{8}(.)", re.DOTALL)
# Pillow cuts these raw modes of sixteen bits a channel down to eight, in silence. ("BGR;16",
# without an order of bytes, is another thing: sixteen bits a pixel.)
_DEEP_RAW_MODE = re.compile(r";16[BLN]$")
_TIFF_BITS = 258


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
    if kind == "JXL" and (start := _JXL.search(data)):
        return _jxl_depth(_Bits(data[start.end() : start.end() + _JXL_BYTES]))
    if kind in ("ICO", "ICNS"):
        return max((match[1][0] for match in _PNG_HEADER.finditer(data)), default=8)
    return 8


def is_deep(image: Image.Image) -> bool:
    """Whether an image that Pillow has opened has more than eight bits a channel, by all that it tells.

    Of pixels that are decoded already, only the mode and what plugins wrote down still tell.
    """
    return (
        image.mode == "F"
        or image.mode.startswith("I")
        or any(_is_deep_tile(tile[0], tile[3]) for tile in getattr(image, "tile", ()))
        or max(getattr(image, "tag_v2", {}).get(_TIFF_BITS, (8,)), default=8) > 8
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


# How a JPEG XL codestream says a side of the image, and of a preview: in units of eight pixels, or of one.
# Each is (offset, bits): a number of so many bits is added to the offset.
_SIZE = ((1, 5),), ((1, 9), (1, 13), (1, 18), (1, 30))
_PREVIEW = ((16, 0), (32, 0), (1, 5), (33, 9)), ((1, 6), (65, 8), (321, 10), (1345, 12))
_Choices = tuple[tuple[int, int], ...]


class _Bits:
    """Numbers of a JPEG XL header, lowest bit first; zeros past the end."""

    def __init__(self, data: bytes):
        self._left = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self._left & ((1 << count) - 1)
        self._left >>= count
        return value

    def choose(self, *choices: tuple[int, int]) -> int:
        """A number of one of four forms, which two bits name, or of the only one."""
        offset, bits = choices[self.take(2) if len(choices) > 1 else 0]
        return offset + self.take(bits)


def _jxl_depth(bits: _Bits) -> int:
    """Of the codestream behind its signature (ISO/IEC 18181-1, SizeHeader and ImageMetadata)."""
    _skip_size(bits, *_SIZE)
    if bits.take(1):  # all is as by default
        return 8
    if bits.take(1):
        _skip_extra_fields(bits)
    if bits.take(1):
        return bits.choose((32, 0), (16, 0), (24, 0), (1, 6))  # floats
    return bits.choose((8, 0), (10, 0), (12, 0), (1, 6))


def _skip_extra_fields(bits: _Bits) -> None:
    """Orientation, the size meant for display, a preview's size, and the speed of an animation."""
    bits.take(3)
    if bits.take(1):
        _skip_size(bits, *_SIZE)
    if bits.take(1):
        _skip_size(bits, *_PREVIEW)
    if bits.take(1):
        bits.choose((100, 0), (1000, 0), (1, 10), (1, 30))
        bits.choose((1, 0), (1001, 0), (1, 8), (1, 10))
        bits.choose((0, 0), (0, 3), (0, 16), (0, 32))
        bits.take(1)


def _skip_size(bits: _Bits, eighths: _Choices, ones: _Choices) -> None:
    """Height, and width where it is no simple ratio of it."""
    side = eighths if bits.take(1) else ones
    bits.choose(*side)
    if not bits.take(3):
        bits.choose(*side)
