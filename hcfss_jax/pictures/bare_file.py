"""A file's bytes without what may break in it beside the pixels, for a second try at reading it.

Pillow refuses a PNG for any broken chunk, and an AVIF for broken EXIF, however sound the pixels are.
"""

import re
import struct

_PNG = b"\x89PNG\r\n\x1a\n"
_OF_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
# The entry of EXIF among an AVIF's items: version, flags, number, protection, and then its type.
_AVIF_EXIF = re.compile(rb"(infe\x02.{7})Exif", re.DOTALL)


def bare(data: bytes) -> tuple[bytes, str]:
    """What is left, and what is not, as a note; the same bytes where nothing is known of the format."""
    if data.startswith(_PNG):
        pixels = _PNG + b"".join(_chunks_of_pixels(data))
        return pixels, "has broken metadata: they and any colour profile are left out"
    if data[4:8] == b"ftyp":
        return _AVIF_EXIF.sub(rb"\1skip", data), "has broken EXIF metadata: they are left out"
    return data, ""


def _chunks_of_pixels(png: bytes) -> list[bytes]:
    """Whole chunks, from their length to their checksum."""
    chunks, at = [], len(_PNG)
    while at + 8 <= len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        if kind in _OF_PIXELS:
            chunks.append(png[at : at + 12 + size])
        at += 12 + size
    return chunks
