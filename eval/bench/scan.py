"""Time and memory of the selective scan: `python -m eval.bench.scan`.

One direction over a [2, 64, 64, 96] map with 16 states, forward and backward, in interleaved runs. The yardstick is one
`jax.lax.associative_scan` over all 4096 pixels at once. Memory is what XLA sets aside beside inputs and outputs. On a
GPU the Pallas kernel stands beside the others, and `--bandwidth` tells how near each comes to that of the memory:

    python -m eval.bench.scan --shape 16 128 128 128 --bandwidth 4.3 [--forward]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from hcfss_jax.ops.scan_lines import lines_of
from hcfss_jax.ops.selective_scan import selective_scan
from hcfss_jax.runtime.jax_settings import prepare_jax

Scan = Callable[..., jax.Array]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--states", type=int, default=16)
    parser.add_argument("--shape", type=int, nargs=4, default=(2, 64, 64, 96))
    parser.add_argument("--forward", action="store_true", help="without gradients")
    parser.add_argument("--bandwidth", type=float, help="of the device's memory, in TB/s")
    args = parser.parse_args()
    prepare_jax()
    arguments = inputs(args.shape, args.states)
    programs = {
        name: jax.jit(scan if args.forward else gradients_of(scan)).lower(*arguments).compile()
        for name, scan in ways(args.shape).items()
    }
    times = interleaved(programs, arguments, args.runs)
    memory = {name: temporary_bytes(program) for name, program in programs.items()}
    yardstick, *_ = programs
    moved = least_bytes(*arguments, forward=args.forward)
    print(
        f"{list(args.shape)} map, {args.states} states, {jax.default_backend()}, "
        f"forward{'' if args.forward else ' + backward'}: at least {moved / 1e9:.3f} GB to move"
    )
    for name, seconds in times.items():
        share = moved / seconds / (args.bandwidth * 1e12) if args.bandwidth else None
        print(
            f"{name:44} {1e3 * seconds:8.1f} ms ({times[yardstick] / seconds:5.1f}x faster)  "
            f"{memory[name] / 2**20:8.1f} MiB ({memory[yardstick] / max(1, memory[name]):5.1f}x smaller)"
            + ("" if share is None else f"  {share:6.1%} of bandwidth")
        )


def least_bytes(
    u: jax.Array, dt: jax.Array, a: jax.Array, b: jax.Array, c: jax.Array, *, forward: bool
) -> int:
    """That any scan moves: u, dt, B and C in, y out; on the way back these and dy in, their gradients out."""
    read = u.nbytes + dt.nbytes + b.nbytes + c.nbytes
    there = read + u.nbytes
    return there if forward else there + 2 * read + u.nbytes


def temporary_bytes(program: Any) -> int:
    """What a compiled program sets aside beside its inputs and outputs."""
    return program.memory_analysis().temp_size_in_bytes


def ways(shape: tuple[int, int, int, int]) -> dict[str, Scan]:
    """The yardstick, and the forms that the library has, as functions of maps `[B, H, W, C]`."""
    pixels = shape[1] * shape[2]
    kernels = {
        "raster, pallas": over("raster", "pallas"),
        "columns, pallas": over("neighborhood", "pallas"),
        "diagonals, pallas": over("neighborhood", "pallas", shift=1),
    }
    return {
        "one associative_scan over the map": over("raster", "associative", chunk=pixels),
        "raster, associative in chunks": over("raster", "associative", chunk=32),
        "raster, sequential": over("raster", "sequential"),
        "columns, associative in chunks": over("neighborhood", "associative"),
        "columns, sequential": over("neighborhood", "sequential"),
        "diagonals, associative in chunks": over("neighborhood", "associative", shift=1),
        "diagonals, sequential": over("neighborhood", "sequential", shift=1),
        **(kernels if jax.default_backend() == "gpu" else {}),
    }


def over(scan_lines: Any, implementation: Any, shift: int = 0, chunk: int | None = None) -> Scan:
    """A scan of maps, top to bottom."""
    rows, columns, *_ = lines_of(scan_lines, 8)
    layout = (rows if scan_lines == "raster" else columns).layout

    def scan(u: jax.Array, dt: jax.Array, a: jax.Array, b: jax.Array, c: jax.Array) -> jax.Array:
        u, dt, b, c = (layout.unfold(x) for x in (u, dt, b, c))
        return selective_scan(
            u, dt, a, b, c, shift=shift, implementation=implementation, chunk=chunk
        )

    return scan


def gradients_of(scan: Scan) -> Callable[..., Any]:
    """Value and all gradients of a scan."""
    return jax.value_and_grad(lambda *x: jnp.sum(scan(*x) ** 2), argnums=(0, 1, 2, 3, 4))


def inputs(shape: tuple[int, int, int, int], states: int) -> tuple[jax.Array, ...]:
    """u, dt, a, b, c."""
    keys = iter(jax.random.split(jax.random.key(0), 4))
    u = jax.random.normal(next(keys), shape)
    dt = jax.nn.softplus(jax.random.normal(next(keys), shape) - 3)
    b, c = (jax.random.normal(next(keys), (*shape[:3], states)) for _ in range(2))
    a = -jnp.broadcast_to(jnp.arange(1.0, states + 1)[:, None], (states, shape[3]))
    return u, dt, a, b, c


def interleaved(programs: dict[str, Any], arguments: Any, runs: int) -> dict[str, float]:
    """Median seconds of each program; a run of all, and again, so that all meet the same machine."""
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(runs + 1):
        for name, program in programs.items():
            start = time.perf_counter()
            jax.block_until_ready(program(*arguments))
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(all_[1:]) for name, all_ in seconds.items()}


if __name__ == "__main__":
    main()
