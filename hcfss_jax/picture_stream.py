"""A picture to a stream of symbols, and back: the passes of a model around the range coder.

z comes first, then the parts of y, step by step. The decoder runs the very functions that the encoder ran, on the same
shapes; it learns each step's symbols before it needs the next step's tables.
"""

import dataclasses
import itertools
import zlib
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np

from hcfss_jax import coding
from hcfss_jax.entropy.shifted_index import (
    SHIFTS,
    best_table,
    block_count,
    choose_shifts,
    shift_tables,
    shifted_index,
)
from hcfss_jax.entropy.steps import Prediction, Quantise, run_steps
from hcfss_jax.errors import CorruptSection
from hcfss_jax.models.passes import PicturePasses
from hcfss_jax.models.skeleton import Y_STRIDE, Z_STRIDE

Tables = Mapping[str, coding.Tables]
Part = tuple[np.ndarray, np.ndarray, coding.Tables]

_SHIFT_TABLES = shift_tables()


@dataclasses.dataclass(frozen=True)
class Written:
    """A picture as symbols.

    parts: symbols, the indices of their tables, and the tables, in coding order. stream: what the range coder wrote of
    them. crc: CRC-32 of the symbols. x_hat: computes uint8 `[H, W, 3]`, what the decoder will make of them. bits:
    computes what the model says they cost.
    """

    parts: Sequence[Part]
    stream: bytes
    crc: int
    x_hat: Callable[[], np.ndarray]
    bits: Callable[[], float]


def write_picture(
    passes: PicturePasses,
    tables: Tables,
    rgb: np.ndarray,
    quality: float,
    margins: Sequence[float],
    crc: int = 0,
) -> Written:
    """uint8 `[H, W, 3]`, of the size of the passes, to symbols at a quality (1 is the lowest rate level).

    margins: of each step, for `choose_shifts`. crc: of the symbols before these, where there are some.
    """
    level = _level(quality)
    y, z = passes.analyse(padded(rgb, passes.size), level)
    sent = _cut(z, _area(passes, Z_STRIDE))
    decoded, records = run_steps(
        passes.steps,
        passes.predict,
        passes.refine,
        _writing(passes, passes.split(y), _area(passes, Y_STRIDE), margins),
        passes.hyper(_fill(sent, z.shape), level),
    )
    parts = [(sent.ravel(), _z_index(sent.shape), tables["z"])]
    for shifts, q, index, _ in records:
        parts += [*_shift_parts(shifts), (q, index, tables["y"])]
    return Written(
        parts,
        coding.encode(parts),
        _crc([part[0] for part in parts], crc),
        x_hat=lambda: passes.synthesise(decoded, level)[: passes.height, : passes.width],
        bits=lambda: passes.bits_z(z, sent.shape[1:3]) + sum(record[-1] for record in records),
    )


def read_picture(
    passes: PicturePasses, tables: Tables, stream: bytes, quality: float, crc: int = 0
) -> tuple[np.ndarray, int]:
    """Symbols to (uint8 `[H, W, 3]`, CRC-32 of the symbols found, after those whose CRC is given).

    Raises CorruptSection where the stream is none.
    """
    level = _level(quality)
    decoder = coding.RangeDecoder(stream)
    shape = (1, *_area(passes, Z_STRIDE), passes.hyper_channels)
    z = decoder.decode(_z_index(shape), tables["z"]).reshape(shape)
    whole = (1, *(side // Z_STRIDE for side in passes.size), passes.hyper_channels)
    decoded, symbols = run_steps(
        passes.steps,
        passes.predict,
        passes.refine,
        _reading(passes, decoder, tables["y"], _area(passes, Y_STRIDE)),
        passes.hyper(_fill(z, whole), level),
    )
    decoder.finish()
    x_hat = passes.synthesise(decoded, level)[: passes.height, : passes.width]
    return x_hat, _crc([z, *itertools.chain(*symbols)], crc)


def _writing(
    passes: PicturePasses,
    parts: Sequence[jax.Array],
    area: tuple[int, int],
    margins: Sequence[float],
) -> Quantise:
    """The quantiser of encoding: rounds; records shifts, symbols, indices of their tables, and bits."""

    def quantise(
        step: int, prediction: Prediction
    ) -> tuple[jax.Array, tuple[np.ndarray, np.ndarray, np.ndarray, float]]:
        q, bits = passes.quantise(parts[step], prediction, area)
        symbols = _cut(jax.device_get(q), area).ravel()
        positions = _cut(passes.positions(prediction), area).ravel()
        shifts = choose_shifts(positions, margins[step])
        record = shifts, symbols, shifted_index(positions, shifts), bits
        return passes.dequantise(q, prediction), record

    return quantise


def _reading(
    passes: PicturePasses,
    decoder: coding.RangeDecoder,
    tables: coding.Tables,
    area: tuple[int, int],
) -> Quantise:
    """The quantiser of decoding: reads shifts and symbols, and records them."""

    def quantise(
        step: int, prediction: Prediction
    ) -> tuple[jax.Array, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        positions = _cut(passes.positions(prediction), area)
        table, shifts = _read_shifts(decoder, positions.size)
        symbols = decoder.decode(shifted_index(positions.ravel(), shifts), tables)
        q = _fill(symbols.reshape(positions.shape), prediction.mean.shape)
        return passes.dequantise(q, prediction), (table, shifts, symbols)

    return quantise


def _shift_parts(shifts: np.ndarray) -> list[Part]:
    """Which table the shifts of a step are coded with, and then they."""
    table = best_table(shifts, _SHIFT_TABLES)
    return [
        (np.array([table], np.int32), np.array([0], np.int32), _SHIFT_TABLES),
        (shifts, np.full(shifts.size, 1 + table, np.int32), _SHIFT_TABLES),
    ]


def _read_shifts(decoder: coding.RangeDecoder, symbols: int) -> tuple[np.ndarray, np.ndarray]:
    """The inverse, for a step of so many symbols."""
    table = decoder.decode(np.array([0], np.int32), _SHIFT_TABLES)
    if not 0 <= table[0] < len(_SHIFT_TABLES) - 1:
        raise CorruptSection("the stream names a table of shifts that does not exist")
    row = np.full(block_count(symbols), 1 + table[0], np.int32)
    shifts = decoder.decode(row, _SHIFT_TABLES)
    if np.any((shifts < 0) | (shifts >= SHIFTS.size)):
        raise CorruptSection("the stream names a shift that does not exist")
    return table, shifts


def _level(quality: float) -> np.ndarray:
    return np.asarray([quality - 1], np.float32)


def padded(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A batch of one of height and width `size`; the border is repeated."""
    below, right = (whole - side for whole, side in zip(size, rgb.shape[:2], strict=True))
    return np.pad(rgb, ((0, below), (0, right), (0, 0)), "edge")[None]


def _area(passes: PicturePasses, stride: int) -> tuple[int, int]:
    """Rows and columns of a latent that the picture touches. What lies beyond is 0 on both sides, and never sent."""
    return -(-passes.height // stride), -(-passes.width // stride)


def _cut(latent: np.ndarray, area: tuple[int, int]) -> np.ndarray:
    """`[1, h, w, c]` where the picture touches it."""
    return latent[:, : area[0], : area[1]]


def _fill(part: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The inverse: zeros beyond."""
    whole = np.zeros(shape, part.dtype)
    whole[:, : part.shape[1], : part.shape[2]] = part
    return whole


def _z_index(shape: tuple[int, ...]) -> np.ndarray:
    """The table of each symbol of z: every channel has its own."""
    return np.broadcast_to(np.arange(shape[-1], dtype=np.int32), shape).ravel()


def _crc(symbols: Sequence[np.ndarray], crc: int) -> int:
    for part in symbols:
        crc = zlib.crc32(np.ascontiguousarray(part, "<i4").tobytes(), crc)
    return crc
