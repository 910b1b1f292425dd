"""The `.hcf` file around a symbol stream. `docs/format.md` specifies it to the byte.

"HCF" version flags | model fingerprint width height quality symbols_crc | extras | stream | CRC-32
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from hcfss_jax.coding.varint import ByteReader, varint
from hcfss_jax.errors import CorruptSection, NotAnHcfFile

MAGIC = b"HCF"
"""The first bytes of a file."""

FORMAT_VERSION = 2

QUALITY_STEPS = 64
"""A header holds the quality in units of 1 / QUALITY_STEPS."""

LARGEST_SIDE = 1 << 24
"""Pixels of a picture, across or down."""

LONGEST_NAME = 64
FINGERPRINT_BYTES = 4

SKIPPABLE = 128
"""Extras from this type on may be ignored by a reader that does not know them."""

_TYPES = 256  # of extras, as a byte holds them

_GREY, _EXTRAS = 1, 2  # flags; the other bits are 0 in this version
_FIXED = struct.Struct("<HI")  # quality, symbols_crc
_CRC = struct.Struct("<I")

CHECK_BYTES = _CRC.size
"""Of the checksum that ends a file."""


class Extra(IntEnum):
    """Types of optional sections."""

    ALPHA = 1
    TILES = 4
    RESIDUAL = 5
    DEPTH = 6
    VALUES = 7
    ICC = 128
    EXIF = 129
    XMP = 130
    DENSITY = 131
    STEP_CHECKS = 132
    EXACT = 133


@dataclass(frozen=True)
class Header:
    """What a file says of itself. Raises ValueError where the format has no room for it.

    Attributes:
      model: the model's name, 1 to 64 printable ASCII characters.
      fingerprint: 4 bytes of the weights that decode it.
      width, height: of the picture in pixels, 1 to 2**24.
      colour: "rgb", or "grey" for a picture to be shown without colour.
      quality: in [1, 1024), a multiple of 1 / QUALITY_STEPS; the rate level is quality - 1.
      symbols_crc: CRC-32 over all symbols as little-endian int32, in coding order.
    """

    model: str
    fingerprint: bytes
    width: int
    height: int
    colour: str
    quality: float
    symbols_crc: int = 0

    def __post_init__(self) -> None:
        name = self.model
        if not (0 < len(name) <= LONGEST_NAME and name.isascii() and name.isprintable()):
            raise ValueError(
                f"model {name!r} is not a name of 1 to {LONGEST_NAME} ASCII characters"
            )
        if len(self.fingerprint) != FINGERPRINT_BYTES:
            raise ValueError(f"fingerprint {self.fingerprint!r} is not {FINGERPRINT_BYTES} bytes")
        if not (1 <= self.width <= LARGEST_SIDE and 1 <= self.height <= LARGEST_SIDE):
            raise ValueError(
                f"{self.width}x{self.height}: sides must be 1 to {LARGEST_SIDE} pixels"
            )
        if self.colour not in ("rgb", "grey"):
            raise ValueError(f"colour {self.colour!r} is neither 'rgb' nor 'grey'")
        if not 1 <= self.quality < 1024 or self.quality * QUALITY_STEPS % 1:
            raise ValueError(
                f"quality {self.quality} is no multiple of 1/{QUALITY_STEPS} in [1, 1024)"
            )
        if not 0 <= self.symbols_crc < 1 << 32:
            raise ValueError(f"symbols_crc {self.symbols_crc} is no 32-bit number")


def pack(header: Header, stream: bytes, extras: Mapping[int, bytes] | None = None) -> bytes:
    """The bytes of a file: header, optional sections by type, symbol stream, checksum."""
    extras = dict(sorted((extras or {}).items()))
    flags = _GREY * (header.colour == "grey") | _EXTRAS * bool(extras)
    body = MAGIC + bytes([FORMAT_VERSION, flags])
    body += varint(len(header.model)) + header.model.encode("ascii") + header.fingerprint
    body += varint(header.width) + varint(header.height)
    body += _FIXED.pack(int(header.quality * QUALITY_STEPS), header.symbols_crc)
    if extras:
        body += varint(len(extras))
        for kind, payload in extras.items():
            body += bytes([kind]) + varint(len(payload)) + payload
    body += varint(len(stream)) + stream
    return body + _CRC.pack(zlib.crc32(body))


def unpack(data: bytes) -> tuple[Header, bytes, dict[int, bytes]]:
    """Header, symbol stream and the known extras of a file.

    Raises:
      NotAnHcfFile: other bytes than a file of this format version.
      TruncatedFile: the data end before the file does.
      CorruptSection: a checksum fails or a field contradicts the format.
    """
    reader = ByteReader(bytes(data))
    start = _read_until_stream(reader)
    stream = reader.take(reader.varint("stream length"), "symbol stream")
    _check_sum(reader)
    header, extras = _interpret(*start)
    return header, stream, extras


def unpack_cut(data: bytes) -> tuple[Header, bytes, dict[int, bytes], int]:
    """`unpack` of a file that may end in its symbol stream: what is there of it, and how many of its bytes are missing.

    A file that is cut has lost its checksum. Raises what `unpack` does; TruncatedFile where the stream does not begin.
    """
    data = bytes(data)
    reader = ByteReader(data)
    start = _read_until_stream(reader)
    length = reader.varint("stream length")
    missing = reader.position + length + _CRC.size - len(data)
    if missing <= 0:
        return *unpack(data), 0
    header, extras = _interpret(*start)
    return header, data[reader.position :][:length], extras, missing


def peek(data: bytes) -> tuple[Header, dict[int, bytes]]:
    """Header and known extras, which come before the stream; the rest may be missing, and nothing is checked by a sum.

    Raises NotAnHcfFile, TruncatedFile and CorruptSection as `unpack`.
    """
    return _interpret(*_read_until_stream(ByteReader(bytes(data))))


def _read_until_stream(reader: ByteReader) -> tuple[int, dict, list[tuple[int, bytes]]]:
    """Flags, fields and extras as they stand there, not yet judged: where a checksum fails, that is the news."""
    flags = _read_start(reader)
    fields = _read_fields(reader)
    return flags, fields, _read_extras(reader) if flags & _EXTRAS else []


def _interpret(
    flags: int, fields: dict, extras: list[tuple[int, bytes]]
) -> tuple[Header, dict[int, bytes]]:
    if flags & ~(_GREY | _EXTRAS):
        raise NotAnHcfFile(f"the file has flags {flags:#04x} of a newer version: update hcfss_jax")
    try:
        header = Header(colour="grey" if flags & _GREY else "rgb", **fields)
    except ValueError as error:
        raise CorruptSection(f"the header is not valid: {error}") from error
    return header, _known(extras)


def _read_start(reader: ByteReader) -> int:
    """Check magic and version; the flags."""
    start = reader.data[: len(MAGIC)]
    if start != MAGIC[: len(start)]:
        raise NotAnHcfFile(f"the data begin with {start!r}; an .hcf file begins with {MAGIC!r}")
    reader.take(len(MAGIC), "magic")
    version = reader.byte("format version")
    if version > FORMAT_VERSION:
        raise NotAnHcfFile(
            f"the file has format version {version}, newer than this reader, which knows "
            f"{FORMAT_VERSION}: update hcfss_jax"
        )
    if version < FORMAT_VERSION:
        raise NotAnHcfFile(
            f"the file has format version {version}, from before the first release: decode it with "
            "the sources that wrote it"
        )
    return reader.byte("flags")


def _read_fields(reader: ByteReader) -> dict:
    """The header's fields by name, as they stand there."""
    name = reader.take(reader.varint("model name's length"), "model name")
    fingerprint = reader.take(FINGERPRINT_BYTES, "fingerprint")
    width, height = reader.varint("width"), reader.varint("height")
    steps, crc = _FIXED.unpack(reader.take(_FIXED.size, "quality and checksum of symbols"))
    return {
        "model": name.decode("latin-1"),
        "fingerprint": fingerprint,
        "width": width,
        "height": height,
        "quality": steps / QUALITY_STEPS,
        "symbols_crc": crc,
    }


def _read_extras(reader: ByteReader) -> list[tuple[int, bytes]]:
    """Optional sections, (type, payload)."""
    extras = []
    count = reader.varint("number of extras")
    if not 1 <= count <= _TYPES:  # before a list of them takes more memory than the file
        raise CorruptSection(f"the file claims {count} sections, and there are {_TYPES} types")
    for i in range(count):
        kind = reader.byte(f"type of extra {i}")
        name = _section_name(kind)
        extras.append((kind, reader.take(reader.varint(f"length of its {name}"), name)))
    return extras


def _check_sum(reader: ByteReader) -> None:
    """The last field, and nothing after it."""
    covered = zlib.crc32(reader.data[: reader.position])
    stored = _CRC.unpack(reader.take(_CRC.size, "checksum"))[0]
    if reader.position != len(reader.data):
        surplus = len(reader.data) - reader.position
        raise CorruptSection(f"{surplus} bytes follow the end of the file, or a length is wrong")
    if covered != stored:
        raise CorruptSection(
            f"the file is damaged: its checksum is {covered:08x}, not {stored:08x}"
        )


def _section_name(kind: int) -> str:
    known = kind in {*Extra}
    return f"section {kind}" + (f" ({Extra(kind).name.lower().replace('_', ' ')})" if known else "")


def _known(extras: list[tuple[int, bytes]]) -> dict[int, bytes]:
    known: dict[int, bytes] = {}
    met: set[int] = set()
    for kind, payload in extras:
        if kind in met:
            raise CorruptSection(f"the file has two sections of type {kind}")
        met.add(kind)
        if kind in Extra.__members__.values():
            known[kind] = payload
        elif kind < SKIPPABLE:
            raise NotAnHcfFile(f"the file needs a section of type {kind}: update hcfss_jax")
    return known
