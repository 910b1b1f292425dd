"""The selective scan as one GPU kernel: Pallas through Triton, forward and backward.

JAX has deprecated that way down since 0.11 and still goes it in 0.12. Nothing else stands on this file:
`selective_scan` imports it when it is asked for by name.

A program walks along one line with CHANNELS channels, one warp wide, and the state stays in its registers. A line that
drifts wraps around the border of the map and starts from nothing where it enters again, so that every line takes S
steps whatever the shift.

Steps go in chunks, unrolled. Of the states only those before each chunk are stored; the way back computes a chunk
again, its states in registers. What several programs add to (the gradients of A, B, C and D), each writes apart and XLA
sums: no atomics, and gradients that are the same from run to run.

Where lines are too few to fill a GPU, as in one image scanned as one sequence, and no gradient is asked for, the steps
are cut into segments that run side by side, in two passes: what each segment does to a state, and, once those are
joined, the outputs.

`jax.vmap` gives the kernel one more axis: directions, each with its own weights, become one launch. XLA cannot divide a
kernel among devices: over several, call it inside `jax.shard_map(..., check_vma=False)`.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas.triton import CompilerParams, load, max_contiguous, store

CHANNELS = 32  # of a program: a warp, so that sums over states stay inside a thread
# Of a channel, in the steps of a chunk. With 16 states a thread's 255 registers overflow on the way back by 34 words;
# at 128 here by 96, and at 64 by none, but half as many states again are stored (Triton 3.9, compiled for sm_90).
CHUNK_STATES = 96
CHUNK_STEPS = 16  # at most, for they are unrolled
PROGRAMS = 2048  # that should fill a large GPU: some 16 warps on each of 132 processors
SEGMENT_STEPS = 64  # at least: segments read their inputs twice

# Programs are numbered along these axes, the first fastest: neighbours read neighbouring memory.
BLOCK, LINE, GROUP, SEGMENT = range(4)

# The axes of all arrays that kernels see. Of an axis in capitals a program sees a block; of the others, its own place.
LAYOUTS = {
    **dict.fromkeys(("u", "dt", "y", "dy", "du", "ddt"), "SgPC"),
    **dict.fromkeys(("b", "c"), "SgPN"),
    **dict.fromkeys(("db", "dc"), "bSgPN"),
    "a": "NC",
    "da": "gpNC",
    "d": "C",
    "dd": "gpC",
    "before_chunk": "KgpNC",
    **dict.fromkeys(("before", "decay", "end"), "zgpNC"),
}


class Place(NamedTuple):
    """Where a line stands at a step of its walk."""

    s: Any
    p: Any
    entered: Any  # the map, at this step: what it carries is void
    real: Any  # False after the last step


@dataclasses.dataclass(frozen=True)
class Walk:
    """How programs walk over a map `[S, G, P, C]` with N states; a segment is of `segment` chunks of `chunk` steps."""

    steps: int
    groups: int
    lines: int
    channels: int
    states: int
    shift: int
    reverse: bool
    chunk: int
    segment: int

    @property
    def chunks(self) -> int:
        return pl.cdiv(self.steps, self.chunk)

    @property
    def grid(self) -> tuple[int, int, int, int]:
        blocks = pl.cdiv(self.channels, CHANNELS)
        return blocks, self.lines, self.groups, pl.cdiv(self.chunks, self.segment)

    def shape(self, layout: str) -> tuple[int, ...]:
        """Of an array of this layout."""
        sizes = {"S": self.steps, "P": self.lines, "N": self.states, "C": self.channels}
        sizes |= {"K": self.chunks, **dict(zip("bpgz", self.grid, strict=True))}
        return tuple(sizes[axis] for axis in layout)

    def block(self, layout: str) -> pl.BlockSpec:
        """What a program sees of it: powers of two of states and channels, which may reach out of the array."""
        sizes = {"S": self.steps, "P": self.lines, "K": self.chunks}
        sizes |= {"N": pl.next_power_of_2(self.states), "C": CHANNELS}
        program_axis = {"C": BLOCK, "b": BLOCK, "p": LINE, "g": GROUP, "z": SEGMENT}

        def place(*program: Any) -> tuple[Any, ...]:
            return tuple(program[program_axis[x]] if x in program_axis else 0 for x in layout)

        return pl.BlockSpec(tuple(sizes.get(axis) for axis in layout), place)

    def places(self, line: Any, chunk: Any) -> list[Place]:
        """Those of a line in a chunk."""
        return [self._place(line, chunk * self.chunk + i) for i in range(self.chunk)]

    def _place(self, line: Any, step: Any) -> Place:
        p = lax.rem(line + (self.shift % self.lines) * step, self.lines)
        entered = p < self.shift if self.shift > 0 else p >= self.lines + self.shift
        s = self.steps - 1 - step if self.reverse else step
        return Place(s, p, entered, step < self.steps)


def pallas_scan(
    u: jax.Array,
    dt: jax.Array,
    a: jax.Array,
    b: jax.Array,
    c: jax.Array,
    d: jax.Array,
    *,
    shift: int = 0,
    reverse: bool = False,
    chunk: int | None = None,
) -> jax.Array:
    """`selective_scan`, compiled for GPUs and interpreted on CPUs; the state is in a's dtype.

    chunk: steps between stored states, unrolled; None chooses what registers hold.
    """
    steps, groups, lines, channels = u.shape
    states = a.shape[0]
    chunk = chunk or max(1, min(CHUNK_STEPS, CHUNK_STATES // pl.next_power_of_2(states)))
    segment = pl.cdiv(steps, chunk)
    walk = Walk(steps, groups, lines, channels, states, shift, reverse, chunk, segment)
    return _scan({"u": u, "dt": dt, "a": a, "b": b, "c": c, "d": d}, walk)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def _scan(inputs: dict[str, jax.Array], walk: Walk) -> jax.Array:
    walk = dataclasses.replace(walk, segment=_chunks_of_a_segment(walk))
    dtype = inputs["a"].dtype
    before = jnp.zeros(walk.shape(LAYOUTS["before"]), dtype)
    if len(before) > 1:
        read = {name: inputs[name] for name in ("u", "dt", "a", "b")}
        before = _join(**_launch(_segment_kernel, walk, read, {"decay": dtype, "end": dtype}))
    outputs = {"y": inputs["u"].dtype}
    return _launch(_forward_kernel, walk, inputs | {"before": before}, outputs)["y"]


def _chunks_of_a_segment(walk: Walk) -> int:
    """All of them, unless programs are few and steps many."""
    wanted = PROGRAMS // math.prod(walk.grid)
    segments = max(1, min(wanted, walk.steps // SEGMENT_STEPS))
    return pl.cdiv(walk.chunks, segments)


def _join(decay: jax.Array, end: jax.Array) -> jax.Array:
    """The state before each segment, where segments turn h into decay h + end."""

    def compose(earlier, later):  # type: ignore[no-untyped-def]
        return earlier[0] * later[0], later[0] * earlier[1] + later[1]

    _, after = lax.associative_scan(compose, (decay, end))
    return jnp.concatenate([jnp.zeros_like(after[:1]), after[:-1]])


def _forward(inputs, walk):  # type: ignore[no-untyped-def]
    dtype = inputs["a"].dtype
    before = jnp.zeros(walk.shape(LAYOUTS["before"]), dtype)
    outputs = {"y": inputs["u"].dtype, "before_chunk": dtype}
    out = _launch(_forward_kernel, walk, inputs | {"before": before}, outputs)
    return out["y"], inputs | {"before_chunk": out["before_chunk"]}


def _backward(walk, saved, dy):  # type: ignore[no-untyped-def]
    summed = {"a": (0, 1), "b": 0, "c": 0, "d": (0, 1)}
    dtypes = {"du": saved["u"].dtype, "ddt": saved["dt"].dtype}
    dtypes |= {f"d{name}": saved["a"].dtype for name in summed}
    out = _launch(_backward_kernel, walk, saved | {"dy": dy}, dtypes)
    sums = {
        name: jnp.sum(out[f"d{name}"], axis).astype(saved[name].dtype)
        for name, axis in summed.items()
    }
    return ({"u": out["du"], "dt": out["ddt"], **sums},)


_scan.defvjp(_forward, _backward)


def _launch(
    kernel: Callable[..., None], walk: Walk, inputs: dict[str, jax.Array], outputs: dict[str, Any]
) -> dict[str, jax.Array]:
    """Runs a kernel, which gets its arrays by name; outputs: the dtypes of what it makes."""

    def by_name(*refs: Any) -> None:
        kernel(walk, **dict(zip((*inputs, *outputs), refs, strict=True)))

    call = functools.partial(
        pl.pallas_call,
        by_name,
        grid=walk.grid,
        in_specs=[walk.block(LAYOUTS[name]) for name in inputs],
        out_specs=[walk.block(LAYOUTS[name]) for name in outputs],
        out_shape=[
            jax.ShapeDtypeStruct(walk.shape(LAYOUTS[name]), dtype)
            for name, dtype in outputs.items()
        ],
        name=kernel.__name__.strip("_"),
    )
    made = lax.platform_dependent(
        *inputs.values(),
        cpu=call(interpret=True),
        default=call(compiler_params=CompilerParams(num_warps=1, num_stages=1)),
    )
    return dict(zip(outputs, made, strict=True))


def _forward_kernel(walk, u, dt, a, b, c, d, before, y, before_chunk=None):  # type: ignore[no-untyped-def]
    line, segment = pl.program_id(LINE), pl.program_id(SEGMENT)
    channels, states, both = _inside(walk)
    own = _by_thread(walk)
    rates, direct = load(a.at[own], mask=both, other=0), load(d, mask=channels, other=0)

    def chunk(i, h):  # type: ignore[no-untyped-def]
        if before_chunk is not None:
            store(before_chunk.at[(i, *own)], h, mask=both)
        places, made = walk.places(line, segment * walk.segment + i), []
        for at in places:
            ut, dtt = _rows(at, channels, rates.dtype, u, dt)
            bt, ct = _rows(at, states, rates.dtype, b, c)
            _, h = _advance(h, at, rates, ut, dtt, bt)
            made.append(jnp.sum(h * ct[:, None], 0) + direct * ut)
        for at, yt in zip(places, made, strict=True):
            _write(y, at, channels, yt)
        return h

    lax.fori_loop(0, walk.segment, chunk, load(before.at[own], mask=both, other=0))


def _segment_kernel(walk, u, dt, a, b, decay, end):  # type: ignore[no-untyped-def]
    line, segment = pl.program_id(LINE), pl.program_id(SEGMENT)
    channels, states, both = _inside(walk)
    own = _by_thread(walk)
    rates = load(a.at[own], mask=both, other=0)

    def chunk(i, carry):  # type: ignore[no-untyped-def]
        h, time, whole = carry
        for at in walk.places(line, segment * walk.segment + i):
            ut, dtt = _rows(at, channels, rates.dtype, u, dt)
            (bt,) = _rows(at, states, rates.dtype, b)
            _, h = _advance(h, at, rates, ut, dtt, bt)
            time += dtt
            whole &= ~at.entered
        return h, time, whole

    nothing = jnp.zeros_like(rates), jnp.zeros_like(rates[0]), jnp.bool_(True)
    h, time, whole = lax.fori_loop(0, walk.segment, chunk, nothing)
    store(decay.at[own], jnp.where(whole, jnp.exp(time * rates), 0.0), mask=both)
    store(end.at[own], h, mask=both)


def _backward_kernel(walk, u, dt, a, b, c, d, before_chunk, dy, du, ddt, da, db, dc, dd):  # type: ignore[no-untyped-def]
    line = pl.program_id(LINE)
    channels, states, both = _inside(walk)
    rates, direct = load(a, mask=both, other=0), load(d, mask=channels, other=0)

    def chunk(i, carry):  # type: ignore[no-untyped-def]
        i = walk.segment - 1 - i
        h = load(before_chunk.at[i], mask=both, other=0)
        places, found = walk.places(line, i), []
        for at in places:
            ut, dtt = _rows(at, channels, rates.dtype, u, dt)
            (bt,) = _rows(at, states, rates.dtype, b)
            before, h = _advance(h, at, rates, ut, dtt, bt)
            found.append(before)
        for at, before in zip(reversed(places), reversed(found), strict=True):
            carry = step(at, before, *carry)
        return carry

    def step(at, before, dh, rates_sum, direct_sum):  # type: ignore[no-untyped-def]
        """dh: gradient of the state that the step hands on."""
        ut, dtt, dyt = _rows(at, channels, rates.dtype, u, dt, dy)
        bt, ct = _rows(at, states, rates.dtype, b, c)
        decay, drive = jnp.exp(dtt * rates), dtt * ut
        _write(dc, at, states, jnp.sum((decay * before + bt[:, None] * drive) * dyt, 1))
        dh += ct[:, None] * dyt
        _write(db, at, states, jnp.sum(dh * drive, 1))
        ddrive = jnp.sum(dh * bt[:, None], 0)
        dh *= decay
        dexponent = dh * before
        _write(ddt, at, channels, jnp.sum(dexponent * rates, 0) + ddrive * ut)
        _write(du, at, channels, ddrive * dtt + direct * dyt)
        dh = jnp.where(at.entered, 0.0, dh)
        return dh, rates_sum + dexponent * dtt, direct_sum + dyt * ut

    nothing = jnp.zeros_like(rates), jnp.zeros_like(rates), jnp.zeros_like(direct)
    _, rates_sum, direct_sum = lax.fori_loop(0, walk.segment, chunk, nothing)
    store(da, rates_sum, mask=both)
    store(dd, direct_sum, mask=channels)


def _advance(h, at, rates, u, dt, b):  # type: ignore[no-untyped-def]
    """The state that a step finds, and the one that it leaves."""
    before = jnp.where(at.entered, 0.0, h)
    return before, jnp.exp(dt * rates) * before + b[:, None] * (dt * u)


def _inside(walk: Walk) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Which channels, states and pairs of them a program's blocks have inside the arrays."""
    channels = pl.program_id(BLOCK) * CHANNELS + jnp.arange(CHANNELS) < walk.channels
    states = jnp.arange(pl.next_power_of_2(walk.states)) < walk.states
    return channels, states, states[:, None] & channels


def _rows(at: Place, mask: jax.Array, dtype: Any, *refs: Any) -> list[jax.Array]:
    """What arrays hold at a place; 0 outside: a step size of 0 leaves the state alone."""
    row = functools.partial(load, mask=mask & at.real, other=0)
    return [row(ref.at[at.s, at.p]).astype(dtype) for ref in refs]


def _write(ref: Any, at: Place, mask: jax.Array, value: jax.Array) -> None:
    store(ref.at[at.s, at.p], value.astype(ref.dtype), mask=mask & at.real)


def _by_thread(walk: Walk) -> tuple[jax.Array, jax.Array]:
    """Indices of a block of states and channels that put all states of a channel into one thread.

    Triton would rather read four channels a thread, and shuffle states at each step. The way back leaves it that
    choice: it sums over channels as often as over states, which then takes a quarter of the shuffles.
    """
    states = jnp.arange(pl.next_power_of_2(walk.states))
    return states[:, None], max_contiguous(jnp.arange(CHANNELS), 1)[None]
