"""Where the seconds of a command go that codes one picture, from the start of its process to the end.

    python -m eval.bench.start --image photo.png --runs 5

Runs `hcfss compress` and `hcfss decompress` in processes of their own: once with nothing compiled, then with what the
first left behind. Prints seconds by the clock, of processor time beside it, medians of the warm runs; both commands in
turn, so that what else the machine does meets them alike.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from hcfss_jax.weights import DEFAULT_WEIGHTS

Seconds = dict[str, tuple[float, float]]
"""By stage: by the clock, and of processor time. A stage within another counts for itself alone."""

# What the child process tells of itself. The functions are those that its stages are made of.
_CHILD = """
import importlib, json, sys, time
spent, inside = {}, []
def now():
    return time.perf_counter(), time.process_time()
def timed(stage, action):
    def run(*args, **kwargs):
        start = now()
        inside.append([0.0, 0.0])
        try:
            return action(*args, **kwargs)
        finally:
            whole, within = [b - a for a, b in zip(start, now())], inside.pop()
            for i in range(2):
                spent.setdefault(stage, [0.0, 0.0])[i] += whole[i] - within[i]
                if inside:
                    inside[-1][i] += whole[i]
    return run
spent["start Python"] = time.time() - float(sys.argv[1]), time.process_time()
from hcfss_jax.cli import main, runtime
from hcfss_jax.runtime.jax_settings import prepare_jax
timed("import JAX", prepare_jax)()
timed("import Flax", importlib.import_module)("flax.linen")
timed("import the codec", importlib.import_module)("hcfss_jax.codec.codec")
for stage, module, *path in json.loads(sys.argv[2]):
    owner = importlib.import_module(module)
    for name in path[:-1]:
        owner = getattr(owner, name)
    setattr(owner, path[-1], timed(stage, getattr(owner, path[-1])))
code = timed("other", main)(sys.argv[3:])
print(json.dumps(spent))
sys.exit(code)
"""
_STAGES = [
    ("read the weights", "hcfss_jax.codec.codec", "load_package"),
    ("load or compile programs", "hcfss_jax.runtime.compiled_cache", "_ready"),
    ("load or compile programs", "hcfss_jax.runtime.compiled_cache", "foresee"),
    ("range coder", "hcfss_jax.coding.jax_decoder", "Decoder", "decode"),
    ("range coder", "hcfss_jax.coding.jax_encoder", "encode"),
    ("run the model", "hcfss_jax.codec.codec", "Codec", "decode"),
    ("run the model", "hcfss_jax.codec.codec", "Codec", "compress"),
    ("write the PNG", "hcfss_jax.cli.transcode", "encode_planes"),
]


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table for each command; the exit code, 1 where a command failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--image", required=True, help="a picture's file")
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS, help="a model or a file of weights")
    parser.add_argument("--runs", type=int, default=5, help="warm runs of each command")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        hcf, png = f"{folder}/picture.hcf", f"{folder}/picture.png"
        # The first has no picture to decompress yet, and leaves one for what follows.
        commands = [("compress", args.image, hcf), ("decompress", hcf, png)]
        told: dict[str, list[Seconds]] = defaultdict(list)
        try:
            for _ in range(1 + args.runs):
                for command in commands:
                    options = ["--force", "--model", args.weights]
                    told[command[0]].append(_run([*command, *options], Path(folder, command[0])))
        except subprocess.CalledProcessError as error:
            print(f"eval.bench.start: {error.stderr.strip()}", file=sys.stderr)
            return 1
    for name, (cold, *warm) in told.items():
        print(_table(name, cold, warm))
    return 0


def _run(command: list[str], cache: Path) -> Seconds:
    """One process, with its cache of compiled programs in a folder."""
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(cache)}
    start = time.time()
    program = [sys.executable, "-c", _CHILD, str(start), json.dumps(_STAGES), *command]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
    spent = {stage: tuple(pair) for stage, pair in json.loads(done.stdout.splitlines()[-1]).items()}
    processor = sum(pair[1] for pair in spent.values())
    return spent | {"in all": (time.time() - start, processor)}


def _table(command: str, cold: Seconds, warm: list[Seconds]) -> str:
    """Cold and warm, seconds by the clock (of processor time)."""
    lines = [f"{command:<26} {'cold':>16} {'warm, of ' + str(len(warm)):>16}"]
    for stage in cold:
        runs = list(zip(*(seconds.get(stage, (0.0, 0.0)) for seconds in warm), strict=True))
        middle = [statistics.median(column) for column in runs]
        cells = [f"{clock:.2f} ({processor:.2f})" for clock, processor in (cold[stage], middle)]
        lines.append(f"  {stage:<24} {cells[0]:>16} {cells[1]:>16}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
