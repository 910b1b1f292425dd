"""Speed and length of the range coder: `python -m eval.bench.range_coder`.

As many symbols as a Kodak image has latents (32 x 48 x 320), of about 0.4 bit each, on one core.
Prints, for each engine that is installed, nanoseconds a symbol (warm, interleaved runs; by the
clock, and of processor time, which a busy machine disturbs less), and by how much the stream
exceeds the ideal length.
"""

import argparse
import contextlib
import os
import time
from collections.abc import Callable
from functools import partial

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if hasattr(os, "sched_setaffinity"):  # before JAX starts its threads; Linux only
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import numpy as np

from hcfss_jax.coding import RangeDecoder, Tables, encode, gaussian_tables, symbol_bits
from hcfss_jax.entropy import scale_table

SYMBOLS = 32 * 48 * 320
SCALES = scale_table()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--parts", type=int, default=1, help="coding steps that share the stream")
    args = parser.parse_args()

    parts = latents(args.parts)
    stream = encode(parts)
    ideal = sum(symbol_bits(*part).sum() for part in parts)
    excess = 8 * len(stream) / ideal - 1
    print(f"{SYMBOLS} symbols in {args.parts} parts, {ideal / SYMBOLS:.3f} bits each, one core")
    print(f"stream of {len(stream)} bytes, {100 * excess:+.4f} % over the ideal")

    tasks: dict[str, Callable[[], None]] = {}
    for engine in engines():
        tasks[f"{engine:4} encode"] = partial(check_encode, parts, engine, stream)
        tasks[f"{engine:4} decode"] = partial(check_decode, parts, engine, stream)
    for name, runs in interleaved(tasks, args.runs).items():
        clock, processor = (
            np.array(seconds) / SYMBOLS * 1e9 for seconds in zip(*runs, strict=True)
        )
        print(
            f"{name}  {np.median(clock):6.1f} ns/symbol by the clock (best {clock.min():.1f}), "
            f"{np.median(processor):6.1f} of processor time (best {processor.min():.1f})"
        )


def latents(count: int) -> list[tuple[np.ndarray, np.ndarray, Tables]]:
    """Rounded Gaussians, most of them narrow, as a model with a hyperprior leaves them."""
    rng = np.random.default_rng(0)
    tables = gaussian_tables(SCALES)
    indices = np.minimum(rng.geometric(0.155, SYMBOLS) - 1, SCALES.size - 1).astype(np.int32)
    symbols = np.round(rng.normal(size=SYMBOLS) * SCALES[indices]).astype(np.int32)
    slices = zip(np.array_split(symbols, count), np.array_split(indices, count), strict=True)
    return [(s, i, tables) for s, i in slices]


def engines() -> list[str]:
    """Those that run here."""
    found = ["jax"]
    with contextlib.suppress(ImportError):
        encode([], engine="tfc")
        found.append("tfc")
    return found


def check_encode(parts: list, engine: str, stream: bytes) -> None:
    """One run of the encoder; raises if the stream is another."""
    if encode(parts, engine) != stream:
        raise AssertionError(f"engine {engine} writes another stream")


def check_decode(parts: list, engine: str, stream: bytes) -> None:
    """One run of the decoder; raises if the symbols are others."""
    decoder = RangeDecoder(stream, engine)
    for symbols, indices, tables in parts:
        if not np.array_equal(decoder.decode(indices, tables), symbols):
            raise AssertionError(f"engine {engine} reads other symbols")
    decoder.finish()


def interleaved(tasks: dict[str, Callable[[], None]], runs: int) -> dict[str, list]:
    """(clock, processor) seconds of each run by task; every task runs once before they count."""
    for task in tasks.values():
        task()
    seconds: dict[str, list] = {name: [] for name in tasks}
    for _ in range(runs):
        for name, task in tasks.items():
            clock, processor = time.perf_counter(), time.process_time()
            task()
            seconds[name].append((time.perf_counter() - clock, time.process_time() - processor))
    return seconds


if __name__ == "__main__":
    main()
