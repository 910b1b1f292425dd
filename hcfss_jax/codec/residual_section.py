"""What leads from a decoded picture to the one that was compressed: to within a bound, or to the bit.

The section holds the bound, a checksum of the result, and the coder's bytes for each part of the picture. The base is
the picture that the rest of the file decodes to, with exact pixels (`exact_pixels.py`): the same on every machine.
"""

import itertools
import struct
import zlib

import numpy as np
from PIL import Image

from hcfss_jax.codec.tiles import Progress, Tile
from hcfss_jax.coding.residual import decode_residual, encode_residual
from hcfss_jax.coding.varint import ByteReader, varint
from hcfss_jax.errors import CorruptSection, DecodeMismatch, InvalidInput

PART = 1024
"""The largest side of what is coded in one piece, pixels."""

LARGEST_ERROR = 254
"""At 255 nothing would be left to tell."""

_CRC = struct.Struct("<I")


def check_max_error(max_error: int | None) -> None:
    """Raises InvalidInput for a bound that is none. None: no bound is asked for."""
    whole = isinstance(max_error, int | np.integer) and not isinstance(max_error, bool)
    if max_error is not None and not (whole and 0 <= max_error <= LARGEST_ERROR):
        raise InvalidInput(
            f"max_error {max_error!r}: a whole number from 0, which is lossless, to {LARGEST_ERROR}"
        )


def pack_residual(
    truth: np.ndarray, decoded: np.ndarray, grey: bool, max_error: int, progress: Progress = iter
) -> bytes:
    """The section's bytes.

    truth: uint8 `[H, W, 3]`. decoded: the base. grey: whether the picture has one channel.
    progress: what the list of parts is walked through.
    """
    truth, base = _shown(truth, grey), _shown(decoded, grey)
    crc, lengths, streams = 0, b"", []
    for part in progress(_parts(*truth.shape[:2])):
        stream = encode_residual(part.of(truth), part.of(base), max_error)
        result = part.of(truth)
        if max_error:
            result = decode_residual(stream, result.shape, part.of(base), max_error)
        crc = zlib.crc32(result.tobytes(), crc)
        lengths += varint(len(stream))
        streams.append(stream)
    return varint(max_error) + _CRC.pack(crc) + lengths + b"".join(streams)


def apply_residual(
    section: bytes, decoded: np.ndarray, grey: bool, progress: Progress = iter
) -> np.ndarray:
    """The picture that was compressed, to within the bound: uint8 `[H, W, 3]`.

    Raises CorruptSection or TruncatedFile where the section is none, DecodeMismatch where the result is another than
    the writer's.
    """
    base, reader = _shown(decoded, grey), ByteReader(section)
    max_error = _bound(reader)
    wanted = _CRC.unpack(reader.take(_CRC.size, "checksum of the residual"))[0]
    parts = _parts(*base.shape[:2])
    lengths = [reader.varint("length of a residual") for _ in parts]
    picture, crc = np.empty_like(base), 0
    for part, length in zip(progress(parts), lengths, strict=True):
        stream = reader.take(length, "residual")
        below = part.of(base)
        result = decode_residual(stream, below.shape, below, max_error)
        part.of(picture)[...] = result
        crc = zlib.crc32(result.tobytes(), crc)
    if reader.position != len(section):
        raise CorruptSection("bytes follow the residual")
    if crc != wanted:
        raise DecodeMismatch(
            "the residual leads to another picture than was written: this machine decodes other pixels below it. "
            "base=True, or --base, shows them without"
        )
    return np.broadcast_to(picture, decoded.shape)


def _bound(reader: ByteReader) -> int:
    max_error = reader.varint("largest error")
    if max_error > LARGEST_ERROR:
        raise CorruptSection(f"the residual claims errors of up to {max_error}")
    return max_error


def _shown(rgb: np.ndarray, grey: bool) -> np.ndarray:
    """The channels that a reader shows: `[H, W, 3]`, or of a grey picture `[H, W, 1]`."""
    return np.asarray(Image.fromarray(rgb).convert("L"))[..., None] if grey else rgb


def _parts(height: int, width: int) -> list[Tile]:
    """Of a picture, row by row, nearly alike in size, without overlap."""
    return [
        Tile(top, left, bottom - top, right - left)
        for (top, bottom), (left, right) in itertools.product(_cut(height), _cut(width))
    ]


def _cut(length: int) -> list[tuple[int, int]]:
    count = -(-length // PART)
    return [(length * i // count, length * (i + 1) // count) for i in range(count)]
