"""Plain twins of the fast operations: loops that follow the equations, in numpy and float64.

Slow on purpose. The tests hold every fast path to these.
"""

import numpy as np
from numpy.typing import NDArray

from hcfss_jax.ops.lifting import WAVELETS, Neighbours, WaveletName

Array = NDArray[np.floating]


def selective_scan(
    u: Array,
    dt: Array,
    a: Array,
    b: Array,
    c: Array,
    d: Array | None = None,
    *,
    shift: int = 0,
    reverse: bool = False,
) -> Array:
    """`hcfss_jax.ops.selective_scan`, a pixel at a time, in float64."""
    u, dt, a, b, c = (np.asarray(x, np.float64) for x in (u, dt, a, b, c))
    hs, _ = _states(u, dt, a, b, shift, reverse)
    y = np.einsum("sgpnc,sgpn->sgpc", hs, c)
    return y if d is None else y + np.asarray(d, np.float64) * u


def selective_scan_gradients(
    u: Array,
    dt: Array,
    a: Array,
    b: Array,
    c: Array,
    d: Array,
    dy: Array,
    *,
    shift: int = 0,
    reverse: bool = False,
) -> tuple[Array, ...]:
    """Gradients of sum(dy * y) for u, dt, a, b, c and d, by the chain rule, a step at a time."""
    u, dt, a, b, c, d, dy = (np.asarray(x, np.float64) for x in (u, dt, a, b, c, d, dy))
    hs, before = _states(u, dt, a, b, shift, reverse)
    du, ddt, db = dy * d, np.zeros_like(dt), np.zeros_like(b)
    da = np.zeros_like(a)
    g = np.zeros_like(hs[0])  # gradient of the state that a step hands on
    for s in range(len(u)) if reverse else reversed(range(len(u))):
        g = g + dy[s][:, :, None] * c[s][..., None]
        decay = np.exp(dt[s][:, :, None] * a)
        to_exponent = g * decay * before[s]
        da += np.sum(to_exponent * dt[s][:, :, None], axis=(0, 1))
        drive = np.sum(g * b[s][..., None], axis=2)
        ddt[s] = np.sum(to_exponent * a, axis=2) + drive * u[s]
        du[s] += drive * dt[s]
        db[s] = np.sum(g * (dt[s] * u[s])[:, :, None], axis=-1)
        g = _moved(g * decay, -shift)
    return du, ddt, da, db, np.einsum("sgpnc,sgpc->sgpn", hs, dy), np.sum(dy * u, axis=(0, 1, 2))


def _states(
    u: Array, dt: Array, a: Array, b: Array, shift: int, reverse: bool
) -> tuple[Array, Array]:
    """The state after each step, and what each step found: `[S, G, P, N, C]` both."""
    steps, groups, lines, channels = u.shape
    after = np.zeros((steps, groups, lines, a.shape[0], channels))
    before, h = after.copy(), after[0].copy()
    for s in reversed(range(steps)) if reverse else range(steps):
        before[s] = _moved(h, shift)
        drive = (dt[s] * u[s])[:, :, None] * b[s][..., None]
        after[s] = h = np.exp(dt[s][:, :, None] * a) * before[s] + drive
    return after, before


def _moved(h: Array, shift: int) -> Array:
    """Every line `shift` places further along P; zeros enter."""
    moved = np.zeros_like(h)
    for p in range(h.shape[1]):
        if 0 <= p - shift < h.shape[1]:
            moved[:, p] = h[:, p - shift]
    return moved


def windowed_dct(x: Array, size: int) -> Array:
    """`hcfss_jax.ops.dct.windowed_dct` from the cosine sum of the definition, in float64."""
    n = np.arange(size)
    basis = np.sqrt(2 / size) * np.cos(np.pi * (2 * n + 1) * n[:, None] / (2 * size))
    basis[0] /= np.sqrt(2)
    return np.einsum("ui,vj,...ijc->...uvc", basis, basis, np.asarray(x, np.float64))


def lift(
    x: Array, wavelet: WaveletName, axis: int, neighbours: Neighbours = "standard"
) -> tuple[Array, Array]:
    """`hcfss_jax.ops.lift`, a sample at a time around its circle; where samples are odd in number, one place
    is empty, and seen as what lies on the other side."""
    kind = WAVELETS[wavelet]

    def along(signal: Array) -> Array:
        places = len(signal) + len(signal) % 2
        circle = np.zeros(places)
        circle[: len(signal)] = signal
        for number, weights in enumerate(kind.steps):
            update = number % 2
            offsets = (-1, 1)
            if neighbours == "repo":  # of the numbers i - 1 and i + 1 among the others
                offsets = (-1, 3) if update else (-3, 1)
            before = circle.copy()
            for place in range(1 - update, len(signal), 2):
                seen = [(place + offset) % places for offset in offsets]
                for weight, own, other in zip(weights, seen, reversed(seen), strict=True):
                    empty = own >= len(signal)
                    if empty and all(weights) and other < len(signal):
                        own, empty = other, False
                    circle[place] += 0 if empty else weight * before[own]
        circle = circle[: len(signal)]
        return np.concatenate([kind.low * circle[0::2], kind.high * circle[1::2]])

    both = np.apply_along_axis(along, axis, np.asarray(x, np.float64))
    low, high = np.split(both, [-(-x.shape[axis] // 2)], axis)
    return low, high
