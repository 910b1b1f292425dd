"""The section of a file that says how its stream is cut into those of tiles."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from hcfss_jax.coding.varint import ByteReader, varint
from hcfss_jax.errors import CorruptSection

_CRC = struct.Struct("<I")


@dataclass(frozen=True)
class TileTable:
    """How a picture was cut.

    side: the largest of a tile, pixels. lengths: bytes of each tile's stream. checks: CRC-32 of all symbols up to the
    end of each tile.
    """

    side: int
    lengths: Sequence[int]
    checks: Sequence[int]

    def pack(self) -> bytes:
        """The section's bytes."""
        rows = zip(self.lengths, self.checks, strict=True)
        return varint(self.side) + b"".join(varint(n) + _CRC.pack(crc) for n, crc in rows)

    @classmethod
    def unpack(cls, data: bytes) -> "TileTable":
        """The inverse. Raises CorruptSection or TruncatedFile."""
        reader = ByteReader(data)
        side = reader.varint("side of a tile")
        lengths, checks = [], []
        while reader.position < len(data):
            lengths.append(reader.varint("length of a tile's stream"))
            checks.append(_CRC.unpack(reader.take(_CRC.size, "check of a tile"))[0])
        return cls(side, lengths, checks)

    def cut(self, stream: bytes, missing: int = 0) -> list[bytes]:
        """The stream of each tile; shorter or empty where bytes are missing at the end.

        Raises CorruptSection where they do not add up.
        """
        if sum(self.lengths) != len(stream) + missing:
            raise CorruptSection(
                f"the tiles claim {sum(self.lengths)} bytes of a stream of {len(stream) + missing}"
            )
        parts, start = [], 0
        for length in self.lengths:
            parts.append(stream[start : start + length])
            start += length
        return parts
