"""Bits a channel of formats that Pillow brings to eight without saying so: AVIF and JPEG 2000."""

import re

# The AV1 configuration of each image of a file (grids and alpha planes have their own): marker and
# version, profile and level, then flags. These five bytes stand nowhere else but by chance in 2**40.
_AV1_CONFIGURATION = re.compile(rb"av1C\x81.(.)", re.DOTALL)
_HIGH_BITDEPTH, _TWELVE_BIT = 0x40, 0x20
# A JPEG 2000 codestream begins so, bare or in its box: SOC, SIZ, 36 bytes of sizes and the number of
# components; three bytes of each component follow, its depth first.
_SIZ = re.compile(rb"\xff\x4f\xff\x51.{36}(..)", re.DOTALL)


def bits_a_channel(kind: str | None, data: bytes) -> int:
    """The depth of the deepest channel of a file whose format Pillow calls `kind`.

    8 for formats whose depth Pillow tells by itself, and for files too damaged to say.
    """
    if kind == "AVIF":
        flags = (match[1][0] for match in _AV1_CONFIGURATION.finditer(data))
        return max((_av1_depth(byte) for byte in flags), default=8)
    if kind == "JPEG2000" and (start := _SIZ.search(data)):
        components = int.from_bytes(start[1], "big")
        depths = data[start.end() : start.end() + 3 * components : 3]
        return max(((depth & 0x7F) + 1 for depth in depths), default=8)  # the top bit is a sign
    return 8


def _av1_depth(flags: int) -> int:
    if not flags & _HIGH_BITDEPTH:
        return 8
    return 12 if flags & _TWELVE_BIT else 10
