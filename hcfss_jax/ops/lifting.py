"""Wavelets along one axis, as lifting (Daubechies and Sweldens 1998): whatever a step adds, its inverse takes away.

    s, d = even, odd samples;   d += predict(s);   s += update(d);   ...;   low = gain s,  high = gain' d

A signal is a circle: its last sample lies beside its first. Of an odd number of samples the last and the first are both
even ones, and no odd one lies between them: an update that looks there sees the odd one on its other side twice, or
nothing where it does not look to that side. So N samples, whatever N, are ceil(N / 2) of low and floor(N / 2) of high
frequencies, a constant has no high ones, and the inverse is exact but for rounding.
"""

import functools
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from hcfss_jax.errors import InvalidInput
from hcfss_jax.ops.haar import interleaved

WaveletName = Literal["5/3", "9/7", "haar"]
Neighbours = Literal["standard", "repo"]
"""Which samples of the other kind a step adds up.

standard: those beside it, as in JPEG 2000: d_i sees s_i and s_{i+1}, s_i sees d_{i-1} and d_i. repo: those with the
numbers i - 1 and i + 1, as the authors' code for channels does (github.com/fengyurenpingsheng/
ChWDTA-Learned-image-compression). It inverts as exactly, but its filters are not those that it is named after.
"""


class Wavelet(NamedTuple):
    """Steps, a predict first and then in turn, and the two gains behind them.

    A step has a weight for the neighbour before, and one for that after.
    """

    steps: tuple[tuple[float, float], ...]
    low: float
    high: float


def _symmetric(*weights: float, low: float = 1.0) -> Wavelet:
    return Wavelet(tuple((weight, weight) for weight in weights), low, 1 / low)


WAVELETS: dict[str, Wavelet] = {
    "5/3": _symmetric(-1 / 2, 1 / 4),
    "9/7": _symmetric(
        -1.586134342059924,
        -0.052980118572961,
        0.882911075530934,
        0.443506852043971,
        low=1.149604398860241,
    ),
    "haar": Wavelet(((-1.0, 0.0), (0.0, 1 / 2)), 2**0.5, -(2**-0.5)),
}
"""5/3 keeps constants as they are, 9/7 and the orthonormal Haar multiply them by sqrt(2)."""


def lift(
    x: jax.Array,
    wavelet: WaveletName,
    axis: int,
    neighbours: Neighbours = "standard",
    length: jax.Array | None = None,
) -> tuple[jax.Array, jax.Array]:
    """Low and high frequencies of x along an axis: of N samples ceil(N / 2) and floor(N / 2).

    length: an even number, int32; the signal is so many samples, from the first on, and what comes out of those beyond
    is to be ignored. None for all. Raises InvalidInput for a wavelet, or neighbours, that there are not.
    """
    kind, axis = _known(wavelet, neighbours), axis % x.ndim
    even, odd = (lax.slice_in_dim(x, first, None, 2, axis) for first in (0, 1))
    lone = x.shape[axis] % 2
    odd = _ends_in_zero(odd, lone, axis)
    pairs = None if length is None else length // 2
    for number, weights in enumerate(kind.steps):
        if number % 2:
            even = even + _seen(odd, weights, -1, axis, neighbours, pairs, lone)
        else:
            odd = odd + _seen(even, weights, 0, axis, neighbours, pairs)
            odd = _ends_in_zero(_without_last(odd, lone, axis), lone, axis)
    return kind.low * even, kind.high * _without_last(odd, lone, axis)


def inverse_lift(
    low: jax.Array,
    high: jax.Array,
    wavelet: WaveletName,
    axis: int,
    neighbours: Neighbours = "standard",
    length: jax.Array | None = None,
) -> jax.Array:
    """The inverse of `lift`. length: of what comes out."""
    kind, axis = _known(wavelet, neighbours), axis % low.ndim
    lone = low.shape[axis] - high.shape[axis]
    even, odd = low / kind.low, _ends_in_zero(high / kind.high, lone, axis)
    pairs = None if length is None else length // 2
    for number, weights in reversed(list(enumerate(kind.steps))):
        if number % 2:
            even = even - _seen(odd, weights, -1, axis, neighbours, pairs, lone)
        else:
            odd = odd - _seen(even, weights, 0, axis, neighbours, pairs)
            odd = _ends_in_zero(_without_last(odd, lone, axis), lone, axis)
    return _without_last(interleaved(even, odd, axis), lone, axis)


@functools.cache
def lifting_matrix(
    wavelet: WaveletName, size: int, neighbours: Neighbours = "standard", inverse: bool = False
) -> np.ndarray:
    """float32 `[size, size]`: a row of samples times it is [low | high]; of the inverse, the other way round."""
    with jax.ensure_compile_time_eval(), jax.transfer_guard("allow"):
        eye = jnp.eye(size, dtype=jnp.float32)
        if inverse:
            low, high = jnp.split(eye, [-(-size // 2)], axis=1)
            return np.asarray(inverse_lift(low, high, wavelet, 1, neighbours))
        return np.asarray(jnp.concatenate(lift(eye, wavelet, 1, neighbours), axis=1))


def check_wavelet(wavelet: str, neighbours: str = "standard") -> None:
    """Raise InvalidInput for a wavelet, or neighbours, that there are not."""
    _known(wavelet, neighbours)


def _known(wavelet: str, neighbours: str) -> Wavelet:
    if wavelet not in WAVELETS:
        raise InvalidInput(f"wavelet={wavelet!r}: choose one of {get_args(WaveletName)}")
    if neighbours not in get_args(Neighbours):
        raise InvalidInput(f"neighbours={neighbours!r}: choose one of {get_args(Neighbours)}")
    if neighbours == "repo" and wavelet == "haar":
        raise InvalidInput("neighbours='repo' is of 5/3 and 9/7: Haar's pairs have no others")
    return WAVELETS[wavelet]


def _seen(
    other: jax.Array,
    weights: tuple[float, float],
    first: int,
    axis: int,
    neighbours: Neighbours,
    pairs: jax.Array | None,
    lone: int = 0,
) -> jax.Array:
    """What a step adds. other: the samples of the other kind. first: number of the one before, counted from one's own.

    lone: 1 where the last of the others is not there.
    """
    offsets = (first, first + 1) if neighbours == "standard" else (-1, 1)
    sides: list[Any] = list(weights)
    if lone:
        sides = _around_a_gap(weights, offsets, other, axis)
    terms = [
        side * _neighbour(other, by, axis, pairs)
        for weight, side, by in zip(weights, sides, offsets, strict=True)
        if weight
    ]
    return sum(terms[1:], start=terms[0])


def _around_a_gap(
    weights: tuple[float, float], offsets: tuple[int, int], x: jax.Array, axis: int
) -> list[jax.Array]:
    """The two weights at each place, where the last of x is not there and the neighbour on the other side stands in."""
    there = np.arange(x.shape[axis]) < x.shape[axis] - 1
    before, after = (np.roll(there, -by) for by in offsets)
    first, second = weights
    stands_in = second if first else 0.0, first if second else 0.0
    shape = [-1 if i == axis else 1 for i in range(x.ndim)]
    return [
        jnp.asarray((own * (weight + ~other * more)).reshape(shape), x.dtype)
        for own, other, weight, more in zip(
            (before, after), (after, before), weights, stands_in, strict=True
        )
    ]


def _neighbour(x: jax.Array, by: int, axis: int, pairs: jax.Array | None) -> jax.Array:
    """x[i + by], by -1, 0 or 1, on a circle: of all samples, or of the first so many."""
    if not by:
        return x
    rolled = jnp.roll(x, -by, axis)
    if pairs is None:
        return rolled
    numbers = lax.broadcasted_iota(pairs.dtype, x.shape, axis)
    if by == 1:
        return jnp.where(numbers == pairs - 1, lax.slice_in_dim(x, 0, 1, axis=axis), rolled)
    last = lax.dynamic_slice_in_dim(x, pairs - 1, 1, axis)
    return jnp.where(numbers == 0, last, rolled)


def _ends_in_zero(x: jax.Array, lone: int, axis: int) -> jax.Array:
    """Odd samples, with a 0 where the last even sample has none after it."""
    return jnp.pad(x, [(0, lone if i == axis else 0) for i in range(x.ndim)]) if lone else x


def _without_last(x: jax.Array, lone: int, axis: int) -> jax.Array:
    return lax.slice_in_dim(x, 0, x.shape[axis] - lone, axis=axis) if lone else x
