"""How many pictures a second are evaluated without files, on the devices at hand.

    python -m eval.bench.pictures --weights NAME
    XLA_FLAGS=--xla_force_host_platform_device_count=8 python -m eval.bench.pictures --weights NAME

On many hosts the same command runs on each, with --coordinator as `eval.main` has it, and the first one tells.
"""

import argparse
import sys
import time
from collections.abc import Sequence

import jax
import numpy as np

from hcfss_jax.codec import load
from hcfss_jax.errors import HcfError
from hcfss_jax.evaluation import Batch, batch_of, evaluate
from hcfss_jax.runtime.hosts import is_first, join
from hcfss_jax.runtime.jax_settings import prepare_jax
from hcfss_jax.weights import DEFAULT_WEIGHTS


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures; the exit code, 1 for what cannot be measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS, help="a model's name, or a file")
    parser.add_argument("--side", type=int, default=256, help="pixels, of square pictures")
    parser.add_argument("--batch", type=int, default=8, help="pictures at a time, over all devices")
    parser.add_argument("--batches", type=int, default=6, help="that a host measures")
    parser.add_argument("--coordinator", default="")
    parser.add_argument("--processes", type=int, default=0)
    parser.add_argument("--process_id", type=int, default=-1)
    args = parser.parse_args(argv)
    prepare_jax()
    try:
        join(args.coordinator, args.processes, args.process_id)
        return _report(args.weights, args.side, args.batch, args.batches)
    except (HcfError, OSError) as error:
        print(f"eval.bench.pictures: {error}", file=sys.stderr)
        return 1


def _report(weights: str, side: int, batch: int, count: int) -> int:
    codec = load(weights)
    variables = jax.device_put({"params": codec.params})
    made = [_batch(side, batch, seed) for seed in range(count)]
    times = []
    for batches in (made[:1], made):  # once to compile
        start = time.perf_counter(), time.process_time()
        measured = len(evaluate(codec.model, variables, batches))
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    (first, _), (seconds, busy) = times
    if is_first():
        print(
            f"{codec.name} on {jax.device_count()} x {jax.devices()[0].device_kind}, {jax.process_count()} hosts: "
            f"{measured} pictures of {side}x{side}, {measured / seconds:.2f} a second; "
            f"{busy / (batch * count):.3f} s of this host's processors for each; {first:.0f} s to compile"
        )
    return 0


def _batch(side: int, count: int, seed: int) -> Batch:
    """Random pixels, others on each host."""
    rng = np.random.default_rng((jax.process_index(), seed))
    pictures = rng.integers(0, 256, (count, side, side, 3), np.uint8)
    return batch_of([(rgb, 0.0) for rgb in pictures], (side, side))


if __name__ == "__main__":
    sys.exit(main())
