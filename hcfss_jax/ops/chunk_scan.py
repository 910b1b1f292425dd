"""A chunk of the selective scan, by steps or as a tree, with a gradient that keeps its inputs and nothing else.

"sequential" takes a step at a time (`step_scan`): the least work and memory traffic. "associative" is a tree over the
steps (`linear_recurrence`): logarithmic depth, for steps so narrow that a wide machine would idle.
"auto" is the first on CPUs and TPUs and the second on GPUs, where each step costs launches, by the platform that the
program is compiled for: that may be another than the one that compiles.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import lax

from hcfss_jax.ops.linear_recurrence import linear_recurrence
from hcfss_jax.ops.step_scan import Inputs, step_scan, step_scan_gradients

Implementation = Literal["auto", "associative", "sequential"]


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4, 5))
def chunk_scan(
    h: jax.Array,
    inputs: Inputs,
    a: jax.Array,
    shift: int,
    reverse: bool,
    implementation: Implementation,
) -> tuple[jax.Array, jax.Array]:
    """One chunk.

    Args:
      h: the state before, `[G, P, N * C]`.
      inputs: u, dt, b and c of `selective_scan`, for the steps of the chunk.
      a, shift, reverse: see there.
      implementation: "auto", "associative" or "sequential".

    Returns:
      The state after, and y `[S, G, P, C]`, both in a's dtype.
    """
    how = {"shift": shift, "reverse": reverse}
    return _choose(implementation, step_scan, _tree_scan)(h, inputs, a, **how)


def _forward(h, inputs, a, shift, reverse, implementation):  # type: ignore[no-untyped-def]
    return chunk_scan(h, inputs, a, shift, reverse, implementation), (h, inputs, a)


def _backward(shift, reverse, implementation, saved, gradients):  # type: ignore[no-untyped-def]
    solve = _choose(implementation, step_scan_gradients, _tree_scan_gradients)
    return solve(*saved, *gradients, shift=shift, reverse=reverse)


chunk_scan.defvjp(_forward, _backward)


def _choose(
    implementation: Implementation, steps: Callable[..., Any], tree: Callable[..., Any]
) -> Callable[..., Any]:
    if implementation != "auto":
        return tree if implementation == "associative" else steps

    def by_platform(*args: Any, **how: Any) -> Any:
        stepwise = functools.partial(steps, **how)
        return lax.platform_dependent(
            *args, cpu=stepwise, tpu=stepwise, default=functools.partial(tree, **how)
        )

    return by_platform


def _tree_scan(
    h: jax.Array, inputs: Inputs, a: jax.Array, *, shift: int, reverse: bool
) -> tuple[jax.Array, jax.Array]:
    u, dt, b, c = (x.astype(a.dtype) for x in inputs)
    steps, groups, lines, channels = u.shape
    # States before channels: the long axis last is what vector units want.
    decay = jnp.exp(dt[..., None, :] * a[None, None, None])
    drive = (dt * u)[..., None, :] * b[..., :, None]
    flat = (steps, groups, lines, -1)
    hs = linear_recurrence(decay.reshape(flat), drive.reshape(flat), h, shift, reverse)
    y = jnp.sum(hs.reshape(decay.shape) * c[..., :, None], axis=-2)
    return hs[0 if reverse else -1], y.reshape(steps, groups, lines, channels)


def _tree_scan_gradients(h, inputs, a, dh, dy, *, shift, reverse):  # type: ignore[no-untyped-def]
    tree = functools.partial(_tree_scan, shift=shift, reverse=reverse)
    return jax.vjp(tree, h, inputs, a)[1]((dh, dy))
