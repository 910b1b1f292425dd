"""A chunk of the selective scan a step at a time, and its gradient.

All lines of a step are computed at once, and what a step needs of its states stays inside of it: decay and drive are
made where they are used, and written nowhere. Forwards a step reads and writes the state and nothing else of its size;
the way back goes forward once more, keeps the states of this chunk, and takes them backwards.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from hcfss_jax.ops.move_lines import move_lines

Inputs = tuple[jax.Array, jax.Array, jax.Array, jax.Array]


def step_scan(
    h: jax.Array, inputs: Inputs, a: jax.Array, *, shift: int, reverse: bool
) -> tuple[jax.Array, jax.Array]:
    """State before `[G, P, N * C]` and (u, dt, b, c) of the steps to (state after, y `[S, G, P, C]`)."""

    def step(h: jax.Array, x: Inputs) -> tuple[jax.Array, jax.Array]:
        u, dt, b, c = _as(a, x)
        h = _advance(move_lines(h, shift), u, dt, b, a)
        return h, jnp.sum(_by_state(h, a) * c[..., None], axis=-2)

    return lax.scan(step, h, inputs, reverse=reverse)


def step_scan_gradients(
    h: jax.Array,
    inputs: Inputs,
    a: jax.Array,
    dh: jax.Array,
    dy: jax.Array,
    *,
    shift: int,
    reverse: bool,
) -> tuple[jax.Array, Inputs, jax.Array]:
    """Those of h, the inputs and a, from those of the two results."""

    def again(h: jax.Array, x: Inputs) -> tuple[jax.Array, jax.Array]:
        u, dt, b, _ = _as(a, x)
        before = move_lines(h, shift)
        return _advance(before, u, dt, b, a), before

    def back(carry: tuple[jax.Array, jax.Array], x: Any) -> tuple[Any, Any]:
        (dh, da), (inputs, before, dy) = carry, x
        u, dt, b, c = _as(a, inputs)
        dh, before, dy = _by_state(dh, a), _by_state(before, a), dy[:, :, None]
        decay, drive = jnp.exp(dt[:, :, None] * a[None, None]), dt * u
        h = decay * before + drive[:, :, None] * b[..., None]
        dc = jnp.sum(h * dy, axis=-1)
        dh += c[..., None] * dy
        db = jnp.sum(dh * drive[:, :, None], axis=-1)
        ddrive = jnp.sum(dh * b[..., None], axis=-2)
        dh *= decay
        to_exponent = dh * before
        ddt = jnp.sum(to_exponent * a[None, None], axis=-2) + ddrive * u
        da += jnp.sum(to_exponent * dt[:, :, None], axis=(0, 1))
        found = tuple(g.astype(v.dtype) for g, v in zip((ddrive * dt, ddt, db, dc), inputs))  # noqa: B905
        return (move_lines(dh.reshape(carry[0].shape), -shift), da), found

    _, before = lax.scan(again, h, inputs, reverse=reverse)
    carry = (dh, jnp.zeros_like(a))
    (dh, da), found = lax.scan(back, carry, (inputs, before, dy), reverse=not reverse)
    return dh, found, da


def _advance(
    before: jax.Array, u: jax.Array, dt: jax.Array, b: jax.Array, a: jax.Array
) -> jax.Array:
    h = jnp.exp(dt[:, :, None] * a[None, None]) * _by_state(before, a)
    h += (dt * u)[:, :, None] * b[..., None]
    return h.reshape(before.shape)


def _by_state(h: jax.Array, a: jax.Array) -> jax.Array:
    """`[G, P, N * C]` as `[G, P, N, C]`."""
    return h.reshape(*h.shape[:-1], *a.shape)


def _as(a: jax.Array, inputs: Inputs) -> Inputs:
    return tuple(x.astype(a.dtype) for x in inputs)  # type: ignore[return-value]
