"""The values that a picture takes, where many between them never occur: a residual then counts only those.

Photos of 8 bits stored in 16, and pictures whose contrast was stretched, leave out most or many of the values that they
could take. Counted by their places among those that occur, they take fewer bits, and no prediction falls into a gap
(histogram packing: Pinho, IEEE Signal Processing Letters 9(1), 2002).
"""

import zlib
from typing import NamedTuple

import numpy as np

from hcfss_jax.errors import CorruptSection
from hcfss_jax.pictures.bit_depth import dtype_of

_WORTH_A_TRY = 0.9
"""The largest share of the values from the least to the greatest that occur in a picture said to have gaps."""


class OccurringValues(NamedTuple):
    """Of each channel, ascending, uint8 or uint16."""

    channels: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, picture: np.ndarray) -> "OccurringValues":
        """Those of `[H, W, C]`."""
        return cls(tuple(np.unique(picture[..., c]) for c in range(picture.shape[-1])))

    @property
    def have_gaps(self) -> bool:
        """Whether it may pay to count by them."""
        spans = [int(values[-1]) - int(values[0]) + 1 for values in self.channels]
        return sum(map(len, self.channels)) <= _WORTH_A_TRY * sum(spans)

    @property
    def depth(self) -> int:
        """Bits of a place."""
        return max(1, *((len(values) - 1).bit_length() for values in self.channels))

    def places(self, picture: np.ndarray) -> np.ndarray:
        """Of values `[H, W, C]`; where one does not occur, of the nearest, the lower of two. uint8 or uint16."""
        places = np.empty(picture.shape, dtype_of(self.depth))
        for c, values in enumerate(self.channels):
            wide = values.astype(np.uint32)
            middles = (wide[:-1] + wide[1:]) // 2  # the greatest that belongs to the lower
            places[..., c] = np.searchsorted(middles, picture[..., c])
        return places

    def at(self, places: np.ndarray) -> np.ndarray:
        """The values at places `[H, W, C]`. Raises CorruptSection where there are none."""
        found = np.empty(places.shape, self.channels[0].dtype)
        for c, values in enumerate(self.channels):
            if places[..., c].max() >= len(values):
                raise CorruptSection("the residual leads beyond the values that it says occur")
            found[..., c] = values[places[..., c]]
        return found

    def pack(self, depth: int) -> bytes:
        """The section's bytes, for a picture of so many bits."""
        occurs = np.zeros((len(self.channels), 1 << depth), np.uint8)
        for row, values in zip(occurs, self.channels, strict=True):
            row[values] = 1
        return zlib.compress(np.packbits(occurs).tobytes(), 9)

    @classmethod
    def unpack(cls, section: bytes, channels: int, depth: int) -> "OccurringValues":
        """The inverse. Raises CorruptSection for bytes that are none."""
        wanted = channels << depth >> 3
        inflate = zlib.decompressobj()
        try:
            packed = inflate.decompress(section, wanted + 1)
        except zlib.error as error:
            raise CorruptSection(f"the values that occur cannot be read: {error}") from error
        if len(packed) != wanted or not inflate.eof or inflate.unused_data:
            raise CorruptSection(f"the values that occur take {wanted} bytes when inflated")
        occurs = np.unpackbits(np.frombuffer(packed, np.uint8)).reshape(channels, 1 << depth)
        if not occurs.any(1).all():
            raise CorruptSection("the values that occur are none in a channel")
        return cls(tuple(np.flatnonzero(row).astype(dtype_of(depth)) for row in occurs))
