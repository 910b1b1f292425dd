"""A PNG of 16 bits a channel around the metadata of a smaller one (PNG specification, third edition)."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by channels
_BLOCK = 1 << 22  # bytes that are filtered at once
_LEVEL = 6  # of zlib


def deep_png(shell: bytes, channels: np.ndarray, depth: int) -> bytes:
    """uint16 `[H, W, C]` of 16 bits as a PNG that says of itself what `shell` does.

    shell: a PNG, whose pixels do not count. depth: how many bits are significant, which sBIT says.
    """
    height, width, count = channels.shape
    header = struct.pack(">II5B", width, height, 16, _COLOUR_TYPES[count], 0, 0, 0)
    parts = [_SIGNATURE, _chunk(b"IHDR", header)]
    if depth < 16:
        parts.append(_chunk(b"sBIT", bytes([depth] * count)))
    written = False
    for kind, body in _chunks(shell):
        if kind in (b"IHDR", b"sBIT") or (kind == b"IDAT" and written):
            continue
        if kind != b"IDAT":
            parts.append(_chunk(kind, body))
            continue
        parts += [_chunk(b"IDAT", piece) for piece in _compressed(channels)]
        written = True
    return b"".join(parts)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at + 12 <= len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        yield kind, png[at + 8 : at + 8 + size]
        at += 12 + size


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _compressed(channels: np.ndarray) -> Iterator[bytes]:
    height, width, count = channels.shape
    step, length = 2 * count, 2 * count * width
    rows = max(1, _BLOCK // length)
    deflate = zlib.compressobj(_LEVEL)
    above = np.zeros(length, np.uint8)
    for start in range(0, height, rows):
        lines = channels[start : start + rows].astype(">u2").reshape(-1, width * count)
        lines = lines.view(np.uint8)
        if piece := deflate.compress(_filtered(lines, above, step)):
            yield piece
        above = lines[-1]
    yield deflate.flush()


def _filtered(lines: np.ndarray, above: np.ndarray, step: int) -> bytes:
    """Each line `[R, N]` by the filter that leaves the smallest sum of magnitudes, behind the filter's number.

    above: the line before the first. step: bytes of a pixel.
    """
    up = np.concatenate([above[None], lines[:-1]])
    left, corner = (np.pad(x, ((0, 0), (step, 0)))[:, :-step] for x in (lines, up))
    mean = ((left.astype(np.uint16) + up) >> 1).astype(np.uint8)
    guesses = np.zeros_like(lines), left, up, mean, _paeth(left, up, corner)
    differences = np.stack([lines - guess for guess in guesses])
    costs = np.abs(differences.view(np.int8).astype(np.int16)).sum(-1)
    best = costs.argmin(0)
    chosen = differences[best, np.arange(len(lines))]
    return np.concatenate([best[:, None].astype(np.uint8), chosen], 1).tobytes()


def _paeth(left: np.ndarray, up: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Of three neighbours the one that is nearest to left + up - corner."""
    a, b, c = (x.astype(np.int16) for x in (left, up, corner))
    to_a, to_b, to_c = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    is_a = (to_a <= to_b) & (to_a <= to_c)
    return np.where(is_a, left, np.where(to_b <= to_c, up, corner))
