"""Plain twins of the fast operations: loops that follow the equations, in numpy and float64.

Slow on purpose. The tests hold every fast path to these.
"""

import numpy as np
from numpy.typing import NDArray

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
    steps, groups, lines, channels = u.shape
    y = np.zeros_like(u)
    h = np.zeros((groups, lines, a.shape[0], channels))
    for s in reversed(range(steps)) if reverse else range(steps):
        moved = np.zeros_like(h)
        for p in range(lines):
            if 0 <= p - shift < lines:
                moved[:, p] = h[:, p - shift]
        h = np.exp(dt[s][:, :, None] * a) * moved + (dt[s] * u[s])[:, :, None] * b[s][..., None]
        y[s] = np.sum(h * c[s][..., None], axis=2)
    return y if d is None else y + np.asarray(d, np.float64) * u


def windowed_dct(x: Array, size: int) -> Array:
    """`hcfss_jax.ops.dct.windowed_dct` from the cosine sum of the definition, in float64."""
    n = np.arange(size)
    basis = np.sqrt(2 / size) * np.cos(np.pi * (2 * n + 1) * n[:, None] / (2 * size))
    basis[0] /= np.sqrt(2)
    return np.einsum("ui,vj,...ijc->...uvc", basis, basis, np.asarray(x, np.float64))
