"""A picture to within a bound of the truth, or to the truth itself: what is missing from a base that both sides have.

The values follow one another in diagonals of bands of rows (residual_prediction.py); each is predicted from what is
known, and the rounded rest is coded by the range coder, by a table as wide as the errors nearby say. Quantised in the
loop as in JPEG-LS (Weinberger, Seroussi and Sapiro 2000), so that an error never exceeds the bound. Integers alone:
every machine decodes the same. docs/format.md, "Residual", specifies it to the byte.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from hcfss_jax.coding import range_coder
from hcfss_jax.coding.interval import bucket, on_cpu
from hcfss_jax.coding.jax_decoder import Decoder
from hcfss_jax.coding.jax_lookup import lookup_of
from hcfss_jax.coding.residual_prediction import (
    SKEW,
    Depth,
    Learned,
    depth_of,
    first_learned,
)
from hcfss_jax.coding.residual_scan import (
    Size,
    base_in_diagonals,
    decode_band,
    encode_band,
    from_diagonals,
    in_diagonals,
)
from hcfss_jax.coding.residual_symbols import LARGEST_GAIN, best_gain, symbols_of
from hcfss_jax.coding.residual_tables import residual_tables
from hcfss_jax.errors import CorruptSection, InvalidInput
from hcfss_jax.runtime import compiled_cache

MOST_ROWS = 256
"""Of a band."""

CHANNELS = (1, 2, 3, 4)
_GREEN_FIRST = (1, 0, 2)


class _Task(NamedTuple):
    """What both sides know. base: `[H, W, C]` or None."""

    shape: tuple[int, int, int]
    depth: int
    max_error: int
    base: np.ndarray | None


def encode_residual(
    truth: np.ndarray, base: np.ndarray | None = None, max_error: int = 0, depth: int = 8
) -> bytes:
    """What leads from `base` to a picture that is nowhere further than `max_error` from `truth`.

    Args:
      truth: uint8 or uint16 `[H, W, C]`, of 1 to 4 channels: grey, grey and alpha, RGB, RGB and alpha.
      base: of the same shape, what the reader has already; None for nothing.
      max_error: 0 for the truth itself; below 2**depth.
      depth: bits of a value, 1 to 16.

    Raises InvalidInput for other shapes, types or values.
    """
    task = _task(truth.shape, base, max_error, depth)
    values = _checked(truth, task, "truth")
    coded: list[np.ndarray] = []
    step = 2 * max_error + 1
    memory = _first_memory(task.shape[2])
    for rows in _bands(task.shape[0]):
        size, spaces = _size(task, rows)
        band = on_cpu(in_diagonals(_ordered(values[rows]), *spaces))
        found, memory = compiled_cache.run(
            encode_band, band, _base_of(task, rows, spaces), size, _depth(task), memory
        )
        coded.append(_inside(jax.device_get(found), size))
    whole = np.concatenate(coded, axis=1)
    gains = [_gain(whole[:3, whole[3] == c], step) for c in range(task.shape[2])]
    symbols, tables = symbols_of(whole, np.array(gains), step)
    return bytes(gains) + range_coder.encode([(symbols, tables, residual_tables())])


def decode_residual(
    data: bytes,
    shape: tuple[int, int, int],
    base: np.ndarray | None = None,
    max_error: int = 0,
    depth: int = 8,
) -> np.ndarray:
    """The picture, uint8, or uint16 for a depth above 8, of `shape` `[H, W, C]`: the arguments as of `encode_residual`.

    Work and memory are bounded by the shape. Raises CorruptSection where `data` are not what a writer wrote; other
    data may give another picture, and who writes them adds a checksum. InvalidInput as `encode_residual`.
    """
    task = _task(shape, base, max_error, depth)
    channels = task.shape[2]
    if len(data) < channels or not all(0 < gain <= LARGEST_GAIN for gain in data[:channels]):
        raise CorruptSection("the residual has no gains")
    gains = on_cpu(np.frombuffer(data[:channels], np.uint8).astype(np.int32))
    decoder = Decoder(data[channels:])
    lookup, memory = lookup_of(residual_tables()), _first_memory(channels)
    picture = np.empty(task.shape, np.uint8 if depth <= 8 else np.uint16)
    for rows in _bands(task.shape[0]):
        size, spaces = _size(task, rows)
        room = on_cpu(np.zeros((spaces[0], channels, spaces[1]), np.int32))
        found, memory, decoder.position, sound = compiled_cache.run(
            decode_band,
            room,
            _base_of(task, rows, spaces),
            size,
            _depth(task),
            gains,
            memory,
            decoder.words,
            lookup,
            decoder.position,
        )
        if not sound:
            raise CorruptSection("the residual's stream escapes by more than it may")
        band = from_diagonals(jax.device_get(found), rows.stop - rows.start, task.shape[1])
        picture[rows] = _in_order(band)
    if not decoder.finish():
        raise CorruptSection("the residual does not end where its values do")
    return picture


def _gain(coded: np.ndarray, step: int) -> int:
    symbol, spread, offset = coded
    return best_gain(symbol, spread, offset, step)


def _task(shape: Any, base: np.ndarray | None, max_error: int, depth: int) -> _Task:
    if not 1 <= depth <= 16:
        raise InvalidInput(f"depth {depth}: values have 1 to 16 bits")
    if not 0 <= max_error < 1 << depth:
        raise InvalidInput(f"max_error {max_error}: 0 to {(1 << depth) - 1}")
    if len(shape) != 3 or shape[2] not in CHANNELS or min(shape) < 1:
        raise InvalidInput(f"a picture is [H, W, C] with 1 to 4 channels, not {list(shape)}")
    task = _Task(tuple(shape), depth, max_error, None)
    return task if base is None else task._replace(base=_checked(base, task, "base"))


def _checked(picture: np.ndarray, task: _Task, what: str) -> np.ndarray:
    if picture.dtype not in (np.uint8, np.uint16) or picture.shape != task.shape:
        raise InvalidInput(
            f"the {what} must be uint8 or uint16 {list(task.shape)}, not {picture.dtype} {list(picture.shape)}"
        )
    if picture.max() >> task.depth:
        raise InvalidInput(f"the {what} holds {picture.max()}, more than {task.depth} bits")
    return picture


def _bands(height: int) -> Iterator[slice]:
    """Of rows, nearly alike in height."""
    count = -(-height // MOST_ROWS)
    for i in range(count):
        yield slice(height * i // count, height * (i + 1) // count)


def _size(task: _Task, rows: slice) -> tuple[Size, tuple[int, int]]:
    """Of a band; and the diagonals and lanes of arrays that hold it, of which there are few."""
    height, width = rows.stop - rows.start, task.shape[1]
    numbers = (height, width, 2 * task.max_error + 1)
    spaces = bucket(width + SKEW * (height - 1), 64), min(MOST_ROWS, bucket(height, 16))
    return Size(*map(_scalar, numbers)), spaces


def _depth(task: _Task) -> Depth:
    return Depth(*map(_scalar, depth_of(task.depth)))


def _scalar(n: int | jax.Array) -> jax.Array:
    return on_cpu(np.array(n, np.int32))


def _first_memory(channels: int) -> Learned:
    return tuple(on_cpu(np.stack([array] * channels)) for array in first_learned())


def _base_of(task: _Task, rows: slice, spaces: tuple[int, int]) -> jax.Array | None:
    if task.base is None:
        return None
    return on_cpu(base_in_diagonals(_ordered(task.base[rows]), *spaces))


def _inside(coded: np.ndarray, size: Size) -> np.ndarray:
    """`[T, C, 3, L]` to what lies in the picture, in coding order: `[5, n]`, with the channel and the diagonal last."""
    t, c, y = np.indices((coded.shape[0], *coded.shape[1:4:2]), np.int32)
    x = t - SKEW * y
    inside = (x >= 0) & (x < int(size.columns)) & (y < int(size.rows))
    rows = [coded[:, :, i][inside] for i in range(3)]
    return np.stack([*rows, c[inside], t[inside]])


def _ordered(picture: np.ndarray) -> np.ndarray:
    """The channels as they are coded: green first."""
    if picture.shape[2] < 3:
        return picture
    return np.concatenate([picture[..., _GREEN_FIRST], picture[..., 3:]], -1)


_in_order = _ordered  # an exchange of two is its own inverse
