"""What leads from a decoded picture to the one that was compressed: to within a bound, or to the bit.

The section holds the bound, a checksum of the result, and the coder's bytes for each part of the picture. The base is
the picture that the rest of the file decodes to, with exact pixels (`exact_pixels.py`): the same on every machine.
Where many values never occur, a lossless one may count those that do, which another section holds.
"""

import itertools
import struct
import zlib
from collections.abc import Iterable, Mapping

import numpy as np

from hcfss_jax.codec.occurring_values import OccurringValues
from hcfss_jax.codec.tiles import Progress, Tile
from hcfss_jax.coding.container import Extra
from hcfss_jax.coding.residual import decode_residual, encode_residual
from hcfss_jax.coding.varint import ByteReader, varint
from hcfss_jax.errors import CorruptSection, DecodeMismatch, InvalidInput
from hcfss_jax.pictures.bit_depth import largest, rescaled
from hcfss_jax.pictures.planes import Planes, luma

PART = 1024
"""The largest side of what is coded in one piece, pixels."""

_CRC = struct.Struct("<I")


def check_max_error(max_error: int | None, depth: int = 8) -> None:
    """Raises InvalidInput for a bound that is none: at the largest value nothing would be left to tell.

    None: no bound is asked for. depth: bits of a value.
    """
    whole = isinstance(max_error, int | np.integer) and not isinstance(max_error, bool)
    if max_error is not None and not (whole and 0 <= max_error < largest(depth)):
        raise InvalidInput(
            f"max_error {max_error!r}: a whole number from 0, which is lossless, to {largest(depth) - 1}"
        )


def pack_residual(
    planes: Planes, decoded: np.ndarray, max_error: int, progress: Progress = iter
) -> dict[int, bytes]:
    """The sections, of which there are two where it is shorter to count the values that occur.

    planes: the truth, at its depth. decoded: the base, uint8 `[H, W, 3]`.
    progress: what the list of parts is walked through.
    """
    depth = planes.depth
    truth, base = _shown(planes.rgb, planes.grey), _below(decoded, planes.grey, depth)
    parts, found = _parts(*truth.shape[:2]), dict[int, bytes]()
    check = _CRC.pack(_crc_of(part.of(truth) for part in parts))
    if max_error:
        found[Extra.RESIDUAL] = _within_bound(truth, base, max_error, depth, progress(parts))
    else:
        found[Extra.RESIDUAL] = varint(0) + check + _lossless(truth, base, depth, progress(parts))
    occurring = OccurringValues.of(truth)
    if not occurring.have_gaps:
        return found
    # Without errors no bound is broken, and where few values occur that may be shorter, too.
    counted = occurring.places(truth), occurring.places(base), occurring.depth
    exact: dict[int, bytes] = {
        Extra.RESIDUAL: varint(0) + check + _lossless(*counted, progress(parts)),
        Extra.VALUES: occurring.pack(depth),
    }
    return min(found, exact, key=lambda sections: sum(map(len, sections.values())))


def apply_residual(
    sections: Mapping[int, bytes],
    decoded: np.ndarray,
    grey: bool,
    depth: int = 8,
    progress: Progress = iter,
) -> np.ndarray:
    """The picture that was compressed, to within the bound: `[H, W, 3]` of so many bits, uint8 or uint16.

    sections: what `pack_residual` returned, others beside. decoded: the base, uint8 `[H, W, 3]`.

    Raises CorruptSection or TruncatedFile where the sections are none, DecodeMismatch where the result is another than
    the writer's.
    """
    section = sections[Extra.RESIDUAL]
    base, reader = _below(decoded, grey, depth), ByteReader(section)
    max_error = _bound(reader, depth)
    occurring = None
    if Extra.VALUES in sections:
        if max_error:
            raise CorruptSection("values that occur belong to a lossless residual")
        occurring = OccurringValues.unpack(sections[Extra.VALUES], base.shape[-1], depth)
    wanted = _CRC.unpack(reader.take(_CRC.size, "checksum of the residual"))[0]
    parts = _parts(*base.shape[:2])
    lengths = [reader.varint("length of a residual") for _ in parts]
    picture, crc = np.empty_like(base), 0
    for part, length in zip(progress(parts), lengths, strict=True):
        stream = reader.take(length, "residual")
        below = part.of(base)
        if occurring is None:
            result = decode_residual(stream, below.shape, below, max_error, depth)
        else:
            places = occurring.places(below)
            result = occurring.at(decode_residual(stream, below.shape, places, 0, occurring.depth))
        part.of(picture)[...] = result
        crc = _crc_after(crc, result)
    if reader.position != len(section):
        raise CorruptSection("bytes follow the residual")
    if crc != wanted:
        raise DecodeMismatch(
            "the residual leads to another picture than was written: this machine decodes other pixels below it. "
            "base=True, or --base, shows them without"
        )
    return np.broadcast_to(picture, decoded.shape)


def _lossless(truth: np.ndarray, base: np.ndarray, depth: int, parts: Iterable[Tile]) -> bytes:
    streams = [encode_residual(part.of(truth), part.of(base), 0, depth) for part in parts]
    return _joined(streams)


def _within_bound(
    truth: np.ndarray, base: np.ndarray, max_error: int, depth: int, parts: Iterable[Tile]
) -> bytes:
    """The section: only what is decoded again tells what the checksum is of."""
    streams, results = [], []
    for part in parts:
        below = part.of(base)
        streams.append(encode_residual(part.of(truth), below, max_error, depth))
        results.append(decode_residual(streams[-1], below.shape, below, max_error, depth))
    return varint(max_error) + _CRC.pack(_crc_of(results)) + _joined(streams)


def _joined(streams: list[bytes]) -> bytes:
    return b"".join(varint(len(stream)) for stream in streams) + b"".join(streams)


def _bound(reader: ByteReader, depth: int) -> int:
    max_error = reader.varint("largest error")
    if max_error >= largest(depth):
        raise CorruptSection(f"the residual claims errors of up to {max_error}")
    return max_error


def _shown(rgb: np.ndarray, grey: bool) -> np.ndarray:
    """The channels that a reader shows: `[H, W, 3]`, or of a grey picture `[H, W, 1]`."""
    return luma(rgb)[..., None] if grey else rgb


def _below(decoded: np.ndarray, grey: bool, depth: int) -> np.ndarray:
    """The base as the coder takes it: with the values of the truth's depth."""
    return rescaled(_shown(decoded, grey), 8, depth)


def _crc_of(results: Iterable[np.ndarray]) -> int:
    crc = 0
    for result in results:
        crc = _crc_after(crc, result)
    return crc


def _crc_after(crc: int, result: np.ndarray) -> int:
    return zlib.crc32(result.astype(result.dtype.newbyteorder("<")).tobytes(), crc)


def _parts(height: int, width: int) -> list[Tile]:
    """Of a picture, row by row, nearly alike in size, without overlap."""
    return [
        Tile(top, left, bottom - top, right - left)
        for (top, bottom), (left, right) in itertools.product(_cut(height), _cut(width))
    ]


def _cut(length: int) -> list[tuple[int, int]]:
    count = -(-length // PART)
    return [(length * i // count, length * (i + 1) // count) for i in range(count)]
