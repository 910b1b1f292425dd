"""The loop over a band's diagonals, compiled: values to symbols, and a stream to values."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from hcfss_jax.coding.jax_decoder import Position, decode_loop
from hcfss_jax.coding.jax_lookup import Lookup
from hcfss_jax.coding.residual_prediction import (
    BASE_OFFSETS,
    SKEW,
    Channel,
    Depth,
    Lanes,
    Learned,
    Where,
    expect,
    learn,
    start,
)
from hcfss_jax.coding.residual_tables import row_of

AHEAD = 2
"""Diagonals that the base is needed beyond a pixel's, and rows; behind it is one more diagonal."""

_FARTHEST = 1 << 18  # steps that a decoder believes

# JAX before 0.6.1 runs these loops wrongly, and in silence, when they come from a cache of compiled programs; XLA's
# older runtime runs them rightly.
_compiled_loop = jax.jit
if jax.__version_info__ < (0, 6, 1):
    _compiled_loop = partial(jax.jit, compiler_options={"xla_cpu_use_thunk_runtime": False})


class Size(NamedTuple):
    """Of a band, int32 scalars. step: 2 max_error + 1."""

    rows: jax.Array
    columns: jax.Array
    step: jax.Array


def nearest(value: Lanes) -> Lanes:
    """The integer next to a value in eighths."""
    return value + 4 >> 3


def _where(t: jax.Array, size: Size, lanes: int) -> Where:
    y = jnp.arange(lanes, dtype=jnp.int32)
    x = t - SKEW * y
    inside = (x >= 0) & (x < size.columns) & (y < size.rows)
    return Where(x < 0, inside, y == 0)


def _base_at(base: jax.Array | None, t: jax.Array, channel: int) -> Lanes | None:
    """`[7, L]` at BASE_OFFSETS, of a base in diagonals, `[T + 6, C, L + 2]`."""
    if base is None:
        return None
    lanes = base.shape[-1] - 2
    near = lax.dynamic_slice(base, (t, channel, 0), (6, 1, lanes + 2))[:, 0]
    rows = [near[3 + right + SKEW * down, 1 + down :][:lanes] for right, down in BASE_OFFSETS]
    return jnp.stack(rows)


def _begin(
    channels: int, lanes: int, with_base: bool, depth: Depth, learned: Learned
) -> list[Channel]:
    return [
        start(c, with_base, lanes, depth, tuple(x[c] for x in learned)) for c in range(channels)
    ]


def _learned(memory: list[Channel]) -> Learned:
    """Of all channels, `[C, contexts]` each."""
    each = [(c.sums, c.counts, c.drifts, c.met) for c in memory]
    return tuple(jnp.stack(arrays) for arrays in zip(*each, strict=True))


@_compiled_loop
def encode_band(
    truth: jax.Array,
    base: jax.Array | None,
    size: Size,
    depth: Depth,
    learned: Learned,
) -> tuple[jax.Array, Learned]:
    """Values in diagonals, `[T, C, L]`, to how they are coded.

    Returns int32 `[T, C, 3, L]`, of each the symbol, the spread and the offset, see `row_of`; and what was learned,
    of all channels.
    """
    _, channels, lanes = truth.shape

    def turn(state: tuple) -> tuple:
        t, coded, memory = state
        where = _where(t, size, lanes)
        known: list[Lanes] = []
        after: list[Channel] = []
        for c in range(channels):
            expected = expect(known, memory[: c + 1], _base_at(base, t, c), depth)
            middle = nearest(expected.value)
            gap = lax.dynamic_slice(truth, (t, c, 0), (1, 1, lanes))[0, 0] - middle
            symbol = jnp.sign(gap) * lax.div(jnp.abs(gap) + (size.step >> 1), size.step)
            offset = expected.value - (middle << 3)
            row = jnp.stack([symbol, expected.spread, offset])
            coded = lax.dynamic_update_slice(coded, row[None, None], (t, c, 0, 0))
            values = jnp.clip(middle + symbol * size.step, 0, depth.highest)
            after.append(learn(memory[c], expected, values, where, depth))
            known.append(after[c].values[0])
        return t + 1, coded, after

    coded = jnp.zeros((truth.shape[0], channels, 3, lanes), jnp.int32)
    memory = _begin(channels, lanes, base is not None, depth, learned)
    last = size.columns + SKEW * (size.rows - 1)
    _, coded, memory = lax.while_loop(lambda s: s[0] < last, turn, (jnp.int32(0), coded, memory))
    return coded, _learned(memory)


@_compiled_loop
def decode_band(
    room: jax.Array,
    base: jax.Array | None,
    size: Size,
    depth: Depth,
    gains: jax.Array,
    learned: Learned,
    words: jax.Array,
    lookup: Lookup,
    position: Position,
) -> tuple[jax.Array, Learned, Position, jax.Array]:
    """A stream to values in diagonals, `[T, C, L]`, the shape of `room`.

    Also what was learned, the position in the stream, and whether all was sound.
    """
    _, channels, lanes = room.shape

    def turn(state: tuple) -> tuple:
        t, decoded, memory, position, sound = state
        where = _where(t, size, lanes)
        first = jnp.maximum(0, t - size.columns + SKEW >> 1)
        count = jnp.sum(where.inside.astype(jnp.uint32), dtype=jnp.uint32)
        known: list[Lanes] = []
        after: list[Channel] = []
        for c in range(channels):
            expected = expect(known, memory[: c + 1], _base_at(base, t, c), depth)
            middle = nearest(expected.value)
            row = row_of(expected.spread, expected.value - (middle << 3), gains[c], size.step)
            high, done, position = decode_loop(
                _turned(row.table, first), count, words, lookup, position
            )
            sound &= done == count
            split = jnp.where(jnp.any(where.inside & (row.shift > 0)), count, jnp.uint32(0))
            low, done, position = decode_loop(
                _turned(row.low, first), split, words, lookup, position
            )
            sound &= done == split
            low = jnp.where(split > 0, low, 0)
            high = jnp.clip(_turned_back(high, first), -_FARTHEST, _FARTHEST)
            low = jnp.clip(_turned_back(low, first), 0, (1 << row.shift) - 1)
            steps = jnp.clip((high << row.shift) + low, -_FARTHEST, _FARTHEST)
            far = lax.div(depth.highest + size.step, size.step)
            values = middle + jnp.clip(steps, -far, far) * size.step
            values = jnp.clip(values, 0, depth.highest)
            after.append(learn(memory[c], expected, values, where, depth))
            known.append(after[c].values[0])
            decoded = lax.dynamic_update_slice(decoded, values[None, None], (t, c, 0))
        return t + 1, decoded, after, position, sound

    memory = _begin(channels, lanes, base is not None, depth, learned)
    last = size.columns + SKEW * (size.rows - 1)
    state = (jnp.int32(0), jnp.zeros_like(room), memory, position, jnp.bool_(True))
    _, decoded, memory, position, sound = lax.while_loop(
        lambda s: (s[0] < last) & s[4], turn, state
    )
    return decoded, _learned(memory), position, sound


def _turned(lanes: Lanes, first: jax.Array) -> jax.Array:
    """uint32, beginning with lane `first`."""
    twice = jnp.concatenate([lanes, lanes]).astype(jnp.uint32)
    return lax.dynamic_slice(twice, (first,), lanes.shape)


def _turned_back(lanes: Lanes, first: jax.Array) -> Lanes:
    twice = jnp.concatenate([lanes, lanes])
    return lax.dynamic_slice(twice, (lanes.shape[0] - first,), lanes.shape)


def in_diagonals(plane: np.ndarray, diagonals: int, lanes: int) -> np.ndarray:
    """`[H, W, C]` to int32 `[diagonals, C, lanes]`, x + SKEW y and then y; zeros elsewhere."""
    rows, columns, channels = plane.shape
    out = np.zeros((diagonals, channels, lanes), np.int32)
    for y in range(rows):
        out[SKEW * y : SKEW * y + columns, :, y] = plane[y]
    return out


def from_diagonals(diagonals: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The inverse, int32 `[rows, columns, C]`."""
    return np.stack([diagonals[SKEW * y : SKEW * y + columns, :, y] for y in range(rows)])


def base_in_diagonals(base: np.ndarray, diagonals: int, lanes: int) -> np.ndarray:
    """A base `[H, W, C]`, edges repeated, int32 `[diagonals + 6, C, lanes + 2]`: with 3 diagonals and a row before."""
    out = np.zeros((diagonals + 6, base.shape[-1], lanes + 2), np.int32)
    wide = np.pad(base, ((1, 1), (1, 1), (0, 0)), "edge")
    for lane, line in enumerate(wide):  # of the row lane - 1, from column -1 on
        first = 3 - 1 + SKEW * (lane - 1)
        out[max(first, 0) : first + len(line), :, lane] = line[max(-first, 0) :]
    return out
