"""What is expected of a picture's next values, in integers: the pure functions of the coder of residuals.

A band of rows is walked in diagonals, x + 2 y = t, so that all values of a diagonal are predicted at once, lane y of
each array being row y, from values of earlier diagonals. Each prediction blends several: a linear one from neighbours,
earlier channels and the base, whose weights follow the picture by recursive least squares (a coordinate at a time, with
sums that fade along the row and mix with those of the row above), and a few plain ones; each counts by how well it
did nearby. All is int32 and stays in it for values of up to 16 bits. docs/format.md, "Residual", is the specification;
`residual_reference.py` is the plain twin.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Lanes = jax.Array
"""int32 `[..., L]`, one number a row of the band."""

SKEW = 2
"""Diagonals that a row lags behind the one above."""

EARLIER = 2
"""Channels, the last that are known, that a value is predicted from."""

CONTEXTS = 48 * 16
FULLEST = 512
DRIFTS = 8 * 81
"""Values after which a context begins to forget."""

BASE_OFFSETS = ((0, 0), (-1, 0), (0, -1), (-1, -1), (1, -1), (1, 0), (0, 1))
"""Of the base, (right, down): the pixel, W, N, NW, NE, E, S."""

UNIT = 12  # bits of a weight behind the point
HEAVIEST = 1 << UNIT + 2
FADING = 4  # sums lose 1/16 a value
RIDGE = 41


class Channel(NamedTuple):
    """What is remembered of a channel; the second axis of `values`, `errors` and `misses` counts diagonals back from 1.

    values: `[4, L]`. errors: `[4, L]`, of the prediction, in eighths, absolute. misses: `[3, K, L]`, of each of the
    blended ones. products: `[F, F, L]`, moments: `[F, L]`, weights: `[F, L]`, of the least squares. sums, counts:
    `[CONTEXTS]`, of errors. drifts, met: `[DRIFTS]`, of errors with their sign.
    """

    values: Lanes
    errors: Lanes
    misses: Lanes
    products: Lanes
    moments: Lanes
    weights: Lanes
    sums: jax.Array
    counts: jax.Array
    drifts: jax.Array
    met: jax.Array


class Depth(NamedTuple):
    """highest: the largest value. middle: what stands above the first row. coarse: bits that sums leave out."""

    highest: int | jax.Array
    middle: int | jax.Array
    coarse: int | jax.Array


class Expected(NamedTuple):
    """What is expected of a channel's values on a diagonal.

    pivot, features, plain: `[L]`, `[F, L]`, `[K, L]` what it was made of. value: `[L]`, in eighths. context: `[L]`.
    spread: `[L]`, the mean error of the context, in 1/128.
    """

    pivot: Lanes
    features: Lanes
    plain: Lanes
    blend: Lanes
    value: Lanes
    drift: Lanes
    context: Lanes
    spread: Lanes


Learned = tuple[jax.Array, ...]
"""`sums`, `counts`, `drifts` and `met`: what bands hand on."""


class Where(NamedTuple):
    """Of each lane: whether the diagonal meets it before the picture, or in it; after it else. first: of the band."""

    before: Lanes
    inside: Lanes
    first: Lanes


def depth_of(bits: int) -> Depth:
    """Of values of so many bits, 1 to 16."""
    return Depth((1 << bits) - 1, 1 << bits - 1, max(0, bits - 12))


def feature_count(channel: int, with_base: bool) -> int:
    """Numbers that a value of this channel is predicted from."""
    return 7 + 6 * min(channel, EARLIER) + 6 * with_base


def first_weights(channel: int, with_base: bool) -> np.ndarray:
    """int32 `[F]`, before anything is learned."""
    weights = np.zeros(feature_count(channel, with_base), np.int32)
    if with_base:
        weights[-6] = 1 << UNIT - 1
    else:
        weights[:3] = 1 << UNIT - 2, -(1 << UNIT - 2), 1 << UNIT - 2
    if channel:
        weights[7 + 6 * (min(channel, EARLIER) - 1)] = (3 << UNIT - 2) >> with_base
    return weights


def first_learned() -> tuple[np.ndarray, ...]:
    """`sums`, `counts`, `drifts` and `met` of a channel before anything was counted: errors are as those nearby."""
    half_doubling = np.arange(48)
    energy = (2 + half_doubling % 2) << half_doubling // 2
    spread = np.clip(energy * 8 // 12, 16, 1 << 19)
    sums = np.repeat(4 * spread, 16).astype(np.int32)
    none = np.zeros(DRIFTS, np.int32)
    return sums, np.full(CONTEXTS, 4, np.int32), none, none + 8


def start(channel: int, with_base: bool, lanes: int, depth: Depth, learned: Learned) -> Channel:
    """A channel before the first diagonal of a band."""
    features = feature_count(channel, with_base)
    weights = jnp.asarray(first_weights(channel, with_base))[:, None]
    plain = 5 + 3 * with_base
    return Channel(
        jnp.full((4, lanes), depth.middle, jnp.int32),
        jnp.full((4, lanes), 16, jnp.int32),
        jnp.full((3, plain, lanes), 16, jnp.int32),
        jnp.zeros((features, features, lanes), jnp.int32),
        jnp.zeros((features, lanes), jnp.int32),
        jnp.broadcast_to(weights, (features, lanes)),
        *learned,
    )


def expect(
    known: list[Lanes], channels: list[Channel], base: Lanes | None, depth: Depth
) -> Expected:
    """Of channel number `len(known)`.

    known: `[L]` each, the diagonal's values of the channels before. channels: of these and of this one. base: `[7, L]`,
    at BASE_OFFSETS, or None.
    """
    here = channels[-1]
    w, ww, n, nw, ne, nn, nne, nww = _neighbours(here.values, depth.middle)
    pivot = w + n + 1 >> 1
    features = [x - pivot for x in (w, nw, ne, ww, nn, nne, nww)]

    plain = [w + n - nw, w, n, w + ne - n]

    for value, other in [*zip(known, channels, strict=False)][-EARLIER:]:
        w_, ww_, n_, nw_, ne_, nn_, _, _ = _neighbours(other.values, depth.middle)
        pivot_ = w_ + n_ + 1 >> 1
        features += [x - pivot_ for x in (value, w_, nw_, ne_, ww_, nn_)]
        plain = [w + n - nw + value - (w_ + n_ - nw_), w + value - w_, n + value - n_]
        plain.append(pivot + value - pivot_)
    if base is not None:
        b, b_w, b_n, b_nw, b_ne, b_e, b_s = base
        pivot_ = b_w + b_n + 1 >> 1
        features += [x - pivot_ for x in (b, b_w, b_nw, b_ne, b_e, b_s)]
        plain += [pivot + b - pivot_, w + b - b_w, n + b - b_n]
    stacked = jnp.stack(features)
    linear = (pivot << 3) + _weighted(here.weights, stacked)
    every = jnp.clip(jnp.stack([linear, *(p << 3 for p in plain)]), 0, depth.highest << 3)
    share = _shares(here.misses)
    total = jnp.sum(share, 0)
    blend = every[0] + lax.div(jnp.sum(share * (every - every[0]), 0), total)
    apart = lax.div(jnp.sum(share * jnp.abs(every - blend), 0), total)
    context = _context(here.errors, apart)
    drift = _drift(context, every, blend)
    value = blend + lax.div(here.drifts[drift], here.met[drift])
    value = jnp.clip(value, 0, depth.highest << 3)
    spread = lax.div(here.sums[context], here.counts[context]) << depth.coarse
    return Expected(pivot, stacked, every, blend, value, drift, context, spread)


def learn(here: Channel, expected: Expected, values: Lanes, where: Where, depth: Depth) -> Channel:
    """The channel after a diagonal. values: `[L]`, only those inside count."""
    error = jnp.abs((values << 3) - expected.value)
    misses = jnp.abs((values << 3) - expected.plain)
    products, moments = _with(here, expected, values, where)
    weights = _descend(_mixed(here.weights, where), products, moments)
    weights = jnp.where(where.inside, weights, _mixed(here.weights, where))
    inside = where.inside.astype(jnp.int32)
    sums = here.sums.at[expected.context].add((error << 4 >> depth.coarse) * inside)
    counts = here.counts.at[expected.context].add(inside)
    drifts = here.drifts.at[expected.drift].add(((values << 3) - expected.blend) * inside)
    met = here.met.at[expected.drift].add(inside)
    return Channel(
        _extended(here.values, values, where, depth.middle),
        _extended(here.errors, error, where, 16),
        _extended(here.misses, misses, where, 16),
        products,
        moments,
        weights,
        *_forgetting(sums, counts, FULLEST),
        *_forgetting(drifts, met, FULLEST // 2),
    )


def above(lanes: Lanes, fill: int | jax.Array, rows: int = 1) -> Lanes:
    """Of each row what the row so far above has; `fill` where there is none."""
    shape = (*lanes.shape[:-1], rows)
    return jnp.concatenate([jnp.full(shape, fill, jnp.int32), lanes[..., :-rows]], -1)


def _neighbours(back: Lanes, fill: int | jax.Array) -> tuple[Lanes, ...]:
    """W, WW, N, NW, NE, NN, NNE, NWW of what is remembered of four diagonals."""
    return (
        back[0],
        back[1],
        above(back[1], fill),
        above(back[2], fill),
        above(back[0], fill),
        above(back[3], fill, 2),
        above(back[2], fill, 2),
        above(back[3], fill),
    )


def _extended(back: Lanes, now: Lanes, where: Where, fill: int | jax.Array) -> Lanes:
    """One diagonal more: before a row what stands above to its right, after it the row's last."""
    outside = jnp.where(where.before, above(back[0], fill), back[0])
    return jnp.concatenate([jnp.where(where.inside, now, outside)[None], back[:-1]])


def bit_length(n: Lanes) -> Lanes:
    """Of numbers that are not negative."""
    return 32 - lax.clz(n)


def _shifted(n: Lanes, left: Lanes) -> Lanes:
    """n 2**left, rounded down."""
    return jnp.where(left >= 0, n << jnp.maximum(left, 0), n >> jnp.maximum(-left, 0))


def _weighted(weights: Lanes, features: Lanes) -> Lanes:
    """The sum of the features by weight, in eighths."""
    left = 16 - bit_length(jnp.sum(jnp.abs(features), 0))
    total = jnp.sum(weights * _shifted(features, left), 0)
    right = UNIT - 3 + left
    return total + (1 << right - 1) >> right


def _shares(misses: Lanes) -> Lanes:
    """How much each prediction counts: by the inverse square of what it missed nearby, 0 to 256."""
    missed = misses[0] + above(misses[1], 16) + above(misses[0], 16) + above(misses[2], 16)
    missed = missed + (misses[1] >> 1) + 9
    missed = _shifted(missed, 8 - bit_length(jnp.min(missed, 0)))
    missed = jnp.minimum(missed, 1 << 12)
    return lax.div(jnp.int32(1 << 22), missed * missed)


def _context(errors: Lanes, apart: Lanes) -> Lanes:
    """By the errors nearby, in half doublings, and by how far the predictions lie apart, in doublings."""
    w, ww, n, nw, ne, nn, _, _ = _neighbours(errors, 16)
    energy = 3 * (w + n) + 2 * (ne + nw) + ww + nn + 1
    doubling = bit_length(energy) - 1
    half = energy >> jnp.maximum(doubling - 1, 0) & jnp.minimum(doubling, 1)
    return (2 * doubling + half) * 16 + jnp.minimum(bit_length(apart + 1) - 1, 15)


def _drift(context: Lanes, every: Lanes, blend: Lanes) -> Lanes:
    """By the errors nearby, in three doublings, and by which of the plain predictions lie above the blend."""
    drift = context // 16 // 6
    for side in jnp.sign(every[1:5] - blend >> 2):
        drift = 3 * drift + side + 1
    return drift


def _with(here: Channel, expected: Expected, values: Lanes, where: Where) -> tuple[Lanes, Lanes]:
    """Products and moments with a diagonal's values."""
    size = jnp.sum(jnp.abs(expected.features), 0)
    left = jnp.minimum(5, 9 - bit_length(size))
    scaled = _shifted(expected.features, left)
    target = jnp.clip(_shifted(values - expected.pivot, left), -1023, 1023)
    products, moments = _mixed(here.products, where), _mixed(here.moments, where)
    more = products - (products >> FADING) + scaled[:, None] * scaled
    moved = moments - (moments >> FADING) + scaled * target
    return jnp.where(where.inside, more, products), jnp.where(where.inside, moved, moments)


def _mixed(lanes: Lanes, where: Where) -> Lanes:
    """Inside, the mean of a row's and of that above; before, that above; after, the row's own."""
    over = above(lanes, 0)
    mixed = jnp.where(where.inside, lanes + over >> 1, jnp.where(where.before, over, lanes))
    return jnp.where(where.first, lanes, mixed)


def _descend(weights: Lanes, products: Lanes, moments: Lanes) -> Lanes:
    """The weights after one turn of each towards the least squares."""
    products = products >> 6

    def turn(i: jax.Array, weights: Lanes) -> Lanes:
        row = _at(products, i)
        gap = (_at(moments, i) << UNIT - 6) - jnp.sum(row * weights, 0)
        moved = _at(weights, i) + lax.div(gap, _at(row, i) + RIDGE)
        moved = jnp.clip(moved, -HEAVIEST, HEAVIEST)
        return lax.dynamic_update_index_in_dim(weights, moved, i, 0)

    return lax.fori_loop(0, weights.shape[0], turn, weights)


def _at(lanes: Lanes, i: jax.Array) -> Lanes:
    return lax.dynamic_index_in_dim(lanes, i, keepdims=False)


def _forgetting(sums: jax.Array, counts: jax.Array, fullest: int) -> tuple[jax.Array, jax.Array]:
    """Half of them, where a context has met more."""
    full = counts > fullest
    return jnp.where(full, sums >> 1, sums), jnp.where(full, counts >> 1, counts)
