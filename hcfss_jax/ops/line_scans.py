"""The selective scans of a map along all its lines, summed.

Lines that differ only in where they start share one body: turned round, each is a walk forwards whose lines stay
upright or move one place to the right. So eight directions take three bodies (rows, columns, diagonals), each in a loop
that runs a direction at a time. The memory of one direction serves all: on the way back each computes its inside again
from the map.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax import lax

from hcfss_jax.ops.scan_lines import lines_of
from hcfss_jax.ops.selective_scan import selective_scan

Weights = Mapping[str, jax.Array]


def scan_all_lines(u: jax.Array, weights: Weights, scan_lines: str) -> jax.Array:
    """The sum over K lines of u `[B, H, W, C]` scanned along each, in u's dtype.

    Args:
      u: the map.
      weights: those of the lines, in the order of `lines_of(scan_lines, K)`, with N states and a step size of rank R:
        "x_proj" `[K, C, R + 2 N]`, from u to step size, B and C of the scan; "dt_proj" `[K, R, C]`; "dt_bias"
        `[K, C]`; "a_log" `[K, N, C]`, the logarithm of -A; "d" `[K, C]`.
      scan_lines: one of `hcfss_jax.ops.scan_lines.ORDERS`.

    Raises InvalidInput for an order that there is not, or one that has fewer lines.
    """
    lines = lines_of(scan_lines, len(weights["d"]))
    bodies = [(line.layout, abs(line.shift)) for line in lines]
    total = jnp.zeros_like(u)
    for layout, shift in dict.fromkeys(bodies):
        own = [i for i, body in enumerate(bodies) if body == (layout, shift)]
        summed = _sum_of_scans(
            layout.unfold(u),
            {name: _every(w, own) for name, w in weights.items()},
            jnp.asarray([lines[i].reverse for i in own]),
            jnp.asarray([lines[i].shift < 0 for i in own]),
            shift,
        )
        total += layout.fold(summed, *u.shape[1:3])
    return total


def _every(w: jax.Array, rows: list[int]) -> jax.Array:
    """Rows; those at equal distances as a slice, whose gradient is no scatter."""
    distance = rows[1] - rows[0] if len(rows) > 1 else 1
    if rows == list(range(rows[0], rows[-1] + 1, distance)):
        return lax.slice_in_dim(w, rows[0], rows[-1] + 1, distance)
    return jnp.stack([w[row] for row in rows])


def _sum_of_scans(
    steps: jax.Array, weights: Weights, from_end: jax.Array, from_right: jax.Array, shift: int
) -> jax.Array:
    """Scans of `[S, B, P, C]`, one for each of the weights; from_end, from_right: `[K]`, which way each walks."""

    @jax.checkpoint
    def scan(weights: Weights, end: jax.Array, right: jax.Array) -> jax.Array:
        return _turn(_scan(_turn(steps, end, right), weights, shift), end, right)

    def add(total: jax.Array, one: tuple[Weights, jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        return total + scan(*one), None

    total, _ = lax.scan(add, jnp.zeros_like(steps), (weights, from_end, from_right))
    return total


def _turn(x: jax.Array, end: jax.Array, right: jax.Array) -> jax.Array:
    """`[S, B, P, C]` with its last step first, its lines from right to left, or both; undoes itself."""
    x = jnp.where(end, jnp.flip(x, 0), x)
    return jnp.where(right, jnp.flip(x, 2), x)


def _scan(u: jax.Array, weights: Weights, shift: int) -> jax.Array:
    """One line's selective scan of u `[S, B, P, C]`: dt, B and C are read off u itself."""
    rank, states = weights["dt_proj"].shape[0], weights["a_log"].shape[0]
    projected = u @ weights["x_proj"].astype(u.dtype)
    dt, b, c = jnp.split(projected, (rank, rank + states), axis=-1)
    # The step size decides how long the state remembers: float32 from here on, whatever the layer's dtype.
    dt = dt.astype(jnp.float32) @ weights["dt_proj"] + weights["dt_bias"][None, None, None]
    a = -jnp.exp(weights["a_log"])
    return selective_scan(u, jax.nn.softplus(dt), a, b, c, weights["d"], shift=shift)
