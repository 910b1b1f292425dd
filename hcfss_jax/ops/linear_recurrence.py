"""h_t = a_t move(h_{t-1}) + b_t as a tree: `jax.lax.associative_scan`, with its own gradient.

`move` shifts the lines of a map along themselves (see `selective_scan`). The gradient of a linear recurrence is the
same recurrence run backwards:

    g_t = dh_t + move'(a_{t+1} g_{t+1})      da_t = g_t move(h_{t-1})      db_t = g_t
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from hcfss_jax.ops.move_lines import move_lines


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def linear_recurrence(
    a: jax.Array, b: jax.Array, h: jax.Array, shift: int, reverse: bool
) -> jax.Array:
    """All states of the recurrence.

    Args:
      a, b: decay and drive `[S, G, P, C]`.
      h: the state before the first step taken, `[G, P, C]`.
      shift: places along P by which the state moves at each step; zeros enter.
      reverse: take the last step first.

    Returns:
      `[S, G, P, C]`, the state after each step, at that step's place.
    """
    first = -1 if reverse else 0
    b = b.at[first].add(a[first] * move_lines(h, shift))
    drift = -shift if reverse else shift
    upright = (_straighten(a, drift), _straighten(b, drift))
    _, hs = lax.associative_scan(_compose, upright, reverse=reverse)
    return _unstraighten(hs, drift)


def _forward(a, b, h, shift, reverse):  # type: ignore[no-untyped-def]
    hs = linear_recurrence(a, b, h, shift, reverse)
    return hs, (a, h, hs)


def _backward(shift, reverse, saved, dhs):  # type: ignore[no-untyped-def]
    a, h, hs = saved
    next_a = _delay(move_lines(a, -shift), jnp.zeros_like(h), not reverse)
    g = linear_recurrence(next_a, dhs, jnp.zeros_like(h), -shift, not reverse)
    da = g * move_lines(_delay(hs, h, reverse), shift)
    first = -1 if reverse else 0
    return da, g, move_lines(a[first] * g[first], -shift)


linear_recurrence.defvjp(_forward, _backward)


def _delay(x: jax.Array, first: jax.Array, reverse: bool) -> jax.Array:
    """Each step's predecessor in the order of the walk; `first` before the first."""
    if reverse:
        return jnp.concatenate([x[1:], first[None]])
    return jnp.concatenate([first[None], x[:-1]])


def _compose(
    earlier: tuple[jax.Array, jax.Array], later: tuple[jax.Array, jax.Array]
) -> tuple[jax.Array, jax.Array]:
    return earlier[0] * later[0], later[0] * earlier[1] + later[1]


def _straighten(x: jax.Array, drift: int) -> jax.Array:
    """Lays lines that drift along P upright: `[S, G, P, C]` to `[S, G, P + |drift| (S - 1), C]`.

    What no pixel fills is 0: with decay and drive 0 there, a line starts from nothing.
    """
    return slide(x, -drift) if drift else x


def _unstraighten(x: jax.Array, drift: int) -> jax.Array:
    if not drift:
        return x
    room = abs(drift) * (x.shape[0] - 1)
    return lax.slice_in_dim(slide(x, drift), room, x.shape[2], axis=2)


def slide(x: jax.Array, by: int) -> jax.Array:
    """Moves step s along P by `by * s` places: `[S, G, P, C]` to `[S, G, P + |by| (S - 1), C]`.

    For negative `by` everything first moves right by |by| (S - 1), so that nothing falls off.
    """
    return jax.vmap(functools.partial(_slide, by=by), in_axes=1, out_axes=1)(x)


def _slide(x: jax.Array, by: int) -> jax.Array:
    # Read with another row length, row s of a matrix moves by s times the difference: no gather, no loop.
    steps, places, channels = x.shape
    room = abs(by) * (steps - 1)
    width = places + room
    if by > 0:
        wide = jnp.pad(x, ((0, 0), (0, room + by), (0, 0))).reshape(-1, channels)
        return wide[: steps * width].reshape(steps, width, channels)
    wide = jnp.pad(x, ((0, 0), (room, 0), (0, 0))).reshape(-1, channels)
    wide = jnp.pad(wide, ((0, -by * steps), (0, 0)))
    return wide.reshape(steps, width - by, channels)[:, :width]
