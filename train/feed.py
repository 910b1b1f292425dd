"""How many crops a second the input gives: `python -m train.feed --data PATH --crop 256`.

Compare images/s with what the training step takes: slower, and the accelerator waits.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from train.errors import TrainingError
from train.interrupt import exit_code_of_ctrl_c
from train.sources import Source, Subset, open_source, spread
from train.stream import Stream
from train.training_crop import CropRecipe

_CACHED_IMAGES = 1024  # so many are decoded before the cached state is measured
_PREFETCH = 8


def main(argv: Sequence[str] | None = None) -> None:
    """Print a line for each way of reading; exits with 1 and the reason where there is no data."""
    args = _parse(argv)
    with exit_code_of_ctrl_c():
        _run(args)


def _run(args: argparse.Namespace) -> None:
    try:
        source = open_source(args.data)
        print(f"{len(source)} images, crops of {args.crop}, batches of {args.batch_size}")
        print(f"{'decoding in':>14} {'images':>9} {'images/s':>9} {'cores':>6} {'per core':>9}")
        for workers in args.workers:
            where = f"{workers} workers" if workers else f"{args.threads} threads"
            _report(where, "decoded", _measure(source, args, workers, cache_gib=0.0))
        few = Subset(source, spread(len(source), min(len(source), _CACHED_IMAGES)))
        _report("nothing", "cached", _measure(few, args, workers=0, cache_gib=1e6))
    except TrainingError as error:
        sys.exit(f"train.feed: {error}")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="train.feed", description=(__doc__ or "").split(":")[0])
    parser.add_argument("--data", required=True, help="directory, tar or ArrayRecord shards")
    parser.add_argument("--crop", type=int, default=256, help="side in pixels (%(default)s)")
    parser.add_argument("--batch-size", type=int, default=16, help="of this host (%(default)s)")
    parser.add_argument("--half-size", type=float, default=0.25, help="probability (%(default)s)")
    parser.add_argument("--drawn", type=float, default=0.08, help="share (%(default)s)")
    parser.add_argument("--workers", type=int, nargs="+", default=[0], help="processes to try (0)")
    parser.add_argument("--threads", type=int, default=2, help="in each process (%(default)s)")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each line (%(default)s)")
    return parser.parse_args(argv)


def _measure(
    source: Source, args: argparse.Namespace, workers: int, cache_gib: float
) -> tuple[float, float]:
    """(images/s, cores busy), once the buffers are drained or the cache is full."""
    recipe = CropRecipe(args.crop, 8, args.half_size, args.drawn)
    with Stream(
        source,
        recipe,
        args.batch_size,
        seed=0,
        workers=workers,
        threads=args.threads,
        cache_gib=cache_gib,
        prefetch=_PREFETCH,
    ) as stream:
        epoch = -(-len(source) // args.batch_size) if cache_gib else 0
        for _ in range(max(epoch, 2 * _PREFETCH)):
            next(stream)
        before, start, cpu = stream.position, time.perf_counter(), _cpu_seconds()
        while (elapsed := time.perf_counter() - start) < args.seconds:
            next(stream)
        return (stream.position - before) / elapsed, (_cpu_seconds() - cpu) / elapsed


def _cpu_seconds() -> float:
    """Used so far by this process and its workers; by itself alone where there is no /proc."""
    workers = multiprocessing.active_children()
    files = [Path(f"/proc/{worker.pid}/stat") for worker in workers]
    fields = [file.read_text().rpartition(")")[2].split() for file in files if file.exists()]
    ticks = sum(int(field[11]) + int(field[12]) for field in fields)
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def _report(where: str, images: str, measured: tuple[float, float]) -> None:
    rate, cores = measured
    print(f"{where:>14} {images:>9} {rate:9.0f} {cores:6.2f} {rate / cores:9.0f}", flush=True)


if __name__ == "__main__":
    main()
