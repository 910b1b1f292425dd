"""Pixels on which all machines agree, though the floats that they are rounded from differ in the last digits.

A value is p = 255 x_hat, and its pixel floor(p + 1/2 + d). Where p lies close to a step of that floor, another machine
may be on its other side: some three values in 100,000 are. The right pixel is the one that the writer made; its file
tells parities of the pixels' lowest bits (`coding.parities`), by which a reader finds out which of its doubtful values
lie on the other side. A checksum of the pixels says that it is right.

How many parities that takes follows from how doubtful the writer's own values are, for a reader whose floats lie SAFETY
times as far off as those of any machine that was measured (`entropy.margins`). The shift d, the same for a tile, is 0
but for pictures in which many values are equal, and in doubt together, as in a flat ground of one colour.

docs/decode-anywhere.md has the measurements behind the constants.
"""

import zlib

import numpy as np

from hcfss_jax.coding.parities import CANDIDATES, WORD, columns, find_differing, parities
from hcfss_jax.coding.pixel_section import SHIFTS, VALUES_PER_BLOCK, ExactTile
from hcfss_jax.entropy.margins import LEAST_PIXEL_NOISE
from hcfss_jax.errors import DecodeMismatch
from hcfss_jax.pictures.bit_depth import largest

SAFETY = 3
"""The parities serve readers whose values lie so many times as far off as was measured, on average."""

_LEVELS = largest(8)
_SPARE = 1.5  # bits told for each that a perfect code would tell
_OVERHEAD = 10  # bits of a block that keep wrong sets of pixels from adding up, too
_BITS_OF_UNIFORM = 3.68  # bits in doubt, of one value of a photo, for each level of noise
_SHIFTS = np.array([0, *(sign * i / 32 for i in range(1, 9) for sign in (1, -1))])
assert _SHIFTS.size == SHIFTS


def make_exact(
    x_hat: np.ndarray, noise: float, levels: int = _LEVELS
) -> tuple[np.ndarray, ExactTile]:
    """The exact pixels of a tile, and what a file tells of them.

    x_hat: float32 `[h, w, c]`, not clipped. noise: how far other machines' values lie off on average, in levels.
    Returns pixels `[h, w, c]` in [0, levels], uint8, or uint16 for more levels.
    """
    reach = SAFETY * max(noise, LEAST_PIXEL_NOISE)
    values = _values(x_hat, levels)
    shift = _shift(values, reach, levels)
    pixels, _ = _rounded(values, shift, levels)
    bits = _SPARE * _bits_in_doubt(values, shift, reach, levels) + _OVERHEAD
    blocks = min(-(-int(bits) // WORD), 1 + values.size // VALUES_PER_BLOCK)
    words = parities(_odd(pixels), blocks)
    shaped = _shaped(pixels, x_hat, levels)
    return shaped, ExactTile(_check(shaped), shift, words)


def find_exact(x_hat: np.ndarray, told: ExactTile, levels: int = _LEVELS) -> np.ndarray:
    """The exact pixels, by the floats of this machine and what a file tells. As `make_exact`.

    Raises DecodeMismatch where they are not found.
    """
    values = _values(x_hat, levels)
    pixels, away = _rounded(values, told.shift, levels)
    differing = parities(_odd(pixels), told.words.size) ^ told.words
    if differing.any():
        for value in _found(differing, away, told.words.size):
            pixels[value] += 1 if away[value] > 0 else -1
    shaped = _shaped(pixels, x_hat, levels)
    if _check(shaped) != told.check:
        raise DecodeMismatch(
            "the pixels are not exactly those that were written: this machine computes differently from the one that "
            "wrote the file. `hcfss diagnose FILE` looks for a way to compute that finds them; without the claim to be "
            "exact (exact=False, --no-exact) the picture is shown with a few values off by a level"
        )
    return shaped


def _found(differing: np.ndarray, away: np.ndarray, blocks: int) -> list[int]:
    """The values that lie on the other side, by number, in the blocks whose parities differ."""
    doubt = np.abs(away)
    # As equal noise everywhere would need so many words; that its scale is right is not needed.
    scale = WORD * blocks / (_SPARE * _BITS_OF_UNIFORM * away.size)
    numbers = columns(-(-away.size // blocks))
    found: list[int] = []
    for block in np.flatnonzero(differing):
        here = doubt[block::blocks]
        first = np.argpartition(here, min(CANDIDATES, here.size - 1))[:CANDIDATES]
        first = first[np.argsort(here[first], kind="stable")]
        other_side = _probability(here[first], scale)
        weights = np.log((1 - other_side) / other_side)
        chosen = find_differing(int(differing[block]), numbers[first], weights)
        if chosen is None:
            return []
        found += (first[chosen] * blocks + block).tolist()
    return found


def _values(x_hat: np.ndarray, levels: int) -> np.ndarray:
    """p, float64 `[n]`: a product of 24 and 16 bits is exact there."""
    return np.clip(np.nan_to_num(x_hat.astype(np.float64).ravel() * levels), -1, levels + 1)


def _rounded(values: np.ndarray, shift: int, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels, int32 `[n]`; and how far above each value the nearest step of the floor lies, negative below it."""
    moved = values + (0.5 + _SHIFTS[shift])
    pixels = np.clip(np.floor(moved), 0, levels).astype(np.int32)
    return pixels, np.clip(np.round(moved), 1, levels) - moved


def _bits_in_doubt(values: np.ndarray, shift: int, reach: float, levels: int) -> float:
    """What a reader does not know of the pixels, whose values lie `reach` off on average."""
    away = np.abs(_rounded(values, shift, levels)[1])
    p = _probability(away[away < 20 * reach], reach)
    return float(-np.sum(p * np.log2(p) + (1 - p) * np.log2(1 - p)))


def _probability(away: np.ndarray, reach: float) -> np.ndarray:
    """That a value lies on the other side of a step so far away: noise of two exponentials."""
    return np.exp(-away / reach) / 2 * (1 - 1e-9) + 1e-30


def _shift(values: np.ndarray, reach: float, levels: int) -> int:
    """The number of the shift: 0, unless that leaves much more in doubt than a photo has."""
    usual = _BITS_OF_UNIFORM * reach * values.size
    if _bits_in_doubt(values, 0, reach, levels) < 2 * usual + WORD:
        return 0
    return int(np.argmin([_bits_in_doubt(values, i, reach, levels) for i in range(SHIFTS)]))


def _odd(pixels: np.ndarray) -> np.ndarray:
    return (pixels & 1).astype(bool)


def _shaped(pixels: np.ndarray, like: np.ndarray, levels: int) -> np.ndarray:
    return pixels.reshape(like.shape).astype(np.uint8 if levels < 256 else np.uint16)


def _check(pixels: np.ndarray) -> int:
    return zlib.crc32(pixels.astype(pixels.dtype.newbyteorder("<")).tobytes())
