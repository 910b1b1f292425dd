"""The selective scan of state-space models, over many parallel lines of a map.

    h_t = exp(dt_t A) h_{t-1} + dt_t B_t u_t        y_t = C_t . h_t + D u_t

Source: Mamba (Gu and Dao 2023, section 3.2), with the zero-order hold on A and the Euler step on B.

Arrays are time-major, `[S, G, P, C]`: S steps along the scan, G images, P lines that run side by side and
C channels. A plain sequence is P = 1. `shift` moves every line by that many places along P at each step, which
turns the rows of an image into its diagonals without moving a pixel; what a line finds where it enters is 0.

The state `[S, G, P, N, C]` never exists whole: the scan walks in chunks of steps, keeps the state at the borders
of chunks alone, and recomputes the inside on the way back. A chunk goes a step at a time or is a tree (`chunk_scan`);
or all is one kernel for GPUs (`pallas_scan`).

"auto" is one of the former, on GPUs too. The kernel passes the tests of the others interpreted, and for straight lines
on an H100; nobody has timed it. And XLA, which divides the others among devices, would gather a batch to run the kernel
whole on each.
"""

import functools
from collections.abc import Callable
from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jax import lax

from hcfss_jax.ops.chunk_scan import chunk_scan

Implementation = Literal["auto", "associative", "sequential", "pallas"]

WIDE = 2**18  # elements of state in a step that keep any machine busy
CHUNK_ELEMENTS = 2**19  # of state in a chunk that are no burden: 2 MiB in float32
LONGEST_CHUNK = 128


def selective_scan(
    u: jax.Array,
    dt: jax.Array,
    a: jax.Array,
    b: jax.Array,
    c: jax.Array,
    d: jax.Array | None = None,
    *,
    shift: int = 0,
    reverse: bool = False,
    implementation: Implementation = "auto",
    chunk: int | None = None,
) -> jax.Array:
    """Scans u along its first axis.

    Args:
      u: input `[S, G, P, C]`.
      dt: step size `[S, G, P, C]`, not negative; 0 leaves the state as it is.
      a: `[N, C]`, negative: the rates at which the N states of a channel decay.
      b, c: `[S, G, P, N]`, what enters the state and what is read of it.
      d: `[C]`, the direct path, or None.
      shift: places that a line moves along P at each step.
      reverse: walk from the last step to the first.
      implementation: of a chunk, see `chunk_scan`; "auto" is sequential where steps are wide, too.
        "pallas" is a kernel for GPUs, interpreted on CPUs (slow, for tests).
      chunk: steps whose states exist at a time; None chooses by size.

    Returns:
      y `[S, G, P, C]` in u's dtype. The state is float32, or float64 where u is.

    Raises ValueError for an implementation that is none, NotImplementedError for "pallas" where the installed JAX does
    not have what the kernel is written in.
    """
    if implementation not in get_args(Implementation):
        raise ValueError(
            f"implementation={implementation!r}: choose one of {get_args(Implementation)}"
        )
    steps, groups, lines, channels = u.shape
    states = a.shape[0]
    state_dtype = jnp.promote_types(u.dtype, jnp.float32)
    if implementation == "pallas":
        a = a.astype(state_dtype)
        d = jnp.zeros_like(a[0]) if d is None else d.astype(state_dtype)
        return _pallas_scan()(u, dt, a, b, c, d, shift=shift, reverse=reverse, chunk=chunk)
    width = groups * lines * states * channels
    chunk = min(steps, chunk or _chunk_steps(steps, width))
    if implementation == "auto" and width >= WIDE:
        implementation = "sequential"
    body = functools.partial(
        chunk_scan,
        a=a.astype(state_dtype),
        shift=shift,
        reverse=reverse,
        implementation=implementation,
    )
    h = jnp.zeros((groups, lines, states * channels), state_dtype)
    inputs = (u, dt, b, c)
    if chunk == steps:
        _, y = body(h, inputs)
    else:
        # dt = 0 in what is added at the end: those steps neither decay the state nor feed it.
        inputs = jax.tree.map(functools.partial(_in_chunks, chunk=chunk), inputs)
        _, y = lax.scan(body, h, inputs, reverse=reverse)
        y = y.reshape(-1, groups, lines, channels)[:steps]
    if d is not None:
        y = y + d.astype(state_dtype)[None, None, None] * u.astype(state_dtype)
    return y.astype(u.dtype)


def _pallas_scan() -> Callable[..., jax.Array]:
    """Imported at first use: for a kernel that few run, and that a release of JAX may take the ground from."""
    try:
        from hcfss_jax.ops.pallas_scan import pallas_scan
    except ImportError as error:
        raise NotImplementedError(
            f"implementation='pallas': JAX {jax.__version__} lacks what it stands on ({error}); "
            "choose 'associative'"
        ) from error
    return pallas_scan


def _chunk_steps(steps: int, width: int) -> int:
    """As many as there are chunks, which keeps the fewest states; of narrow steps as many as are no burden."""
    return max(round(steps**0.5), min(LONGEST_CHUNK, CHUNK_ELEMENTS // width))


def _in_chunks(x: jax.Array, chunk: int) -> jax.Array:
    missing = -x.shape[0] % chunk
    x = jnp.pad(x, ((0, missing),) + ((0, 0),) * (x.ndim - 1))
    return x.reshape(-1, chunk, *x.shape[1:])
