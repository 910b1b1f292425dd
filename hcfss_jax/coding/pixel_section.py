"""The section of a file that says which pixels are the exact ones."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hcfss_jax.coding.varint import ByteReader, varint
from hcfss_jax.errors import CorruptSection

_START = struct.Struct("<IB")  # check, shift

VALUES_PER_BLOCK = 1 << 14
"""A picture of n values has at most one block more than n / VALUES_PER_BLOCK; what writers need is a tenth of it."""

SHIFTS = 17
"""Shifts of the rounding that there are."""


@dataclass(frozen=True)
class ExactTile:
    """What is told of the pixels of a tile.

    check: CRC-32 of them. shift: of their rounding, by number. words: parities of their lowest bits, uint64 `[blocks]`.
    """

    check: int
    shift: int
    words: np.ndarray


def pack_exact(tiles: Sequence[ExactTile]) -> bytes:
    """The section's bytes."""
    return b"".join(
        _START.pack(tile.check, tile.shift)
        + varint(tile.words.size)
        + tile.words.astype("<u8").tobytes()
        for tile in tiles
    )


def unpack_exact(data: bytes, values: Sequence[int]) -> list[ExactTile]:
    """The inverse. values: how many each tile has. Raises CorruptSection or TruncatedFile."""
    reader, tiles = ByteReader(data), []
    for count in values:
        check, shift = _START.unpack(reader.take(_START.size, "start of a tile's exact pixels"))
        blocks = reader.varint("number of parity words")
        if shift >= SHIFTS or blocks > 1 + count // VALUES_PER_BLOCK:
            raise CorruptSection(
                f"the file claims shift {shift} and {blocks} words for the {count} values of a tile"
            )
        words = np.frombuffer(reader.take(8 * blocks, "parities"), "<u8").astype(np.uint64)
        tiles.append(ExactTile(check, shift, words))
    if reader.position != len(data):
        raise CorruptSection("the exact pixels are those of more tiles than there are")
    return tiles
