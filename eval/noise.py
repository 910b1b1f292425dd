"""Whether files written under one setting decode under another, and how far the floats behind them lie apart.

    python -m eval.noise --data kodak --out noise --python /other/venv/bin/python --arm FOLDER

Writes every picture in each setting of this machine (and with each other Python, and on 64-bit ARM, emulated, see
`eval/arm_setup.sh`), reads all of them in all settings, each in a process of its own, and prints the matrix: files read
right, the largest distance of a table's position p between writer and reader, and how many files would have been lost
had p been rounded plainly; values of pixels that differ, and of exact pixels those that are wrong or not found. What is
emulated is slow, and reads only what this machine as it is has written, and its own. What was measured is kept in
noise.json; folders of other machines, written by `eval.noise_probe write`, are read too: --also. With --record the
weights are written with the distances found instead of those they had, if all files were read right: an encoder takes
its margins from them (`hcfss_jax/entropy/margins.py`).
Ends with 1 if a file was read wrongly.
"""

import argparse
import contextlib
import dataclasses
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from eval.arm import Setting, arm_setting
from eval.sweep import find_images
from hcfss_jax.entropy.margins import noise_record
from hcfss_jax.errors import HcfError
from hcfss_jax.runtime.float_settings import FLOAT_SETTINGS
from hcfss_jax.runtime.whole_file import write_whole
from hcfss_jax.weights import DEFAULT_WEIGHTS, WeightPackage, load_package, save_package

_EMULATED = "ARM"

Results = dict[str, dict[str, list[dict[str, Any]]]]  # by reader, by writer


def main(argv: Sequence[str] | None = None) -> int:
    """Write, read, compare; the exit code."""
    args = _parser().parse_args(argv)
    try:
        results = _measure(args, _pictures(args))
    except (HcfError, OSError, subprocess.CalledProcessError) as error:
        print(f"eval.noise: {error}", file=sys.stderr)
        return 1
    wrong = _print(results)
    _note_without_arm(args.arm)
    if args.record and not wrong:
        _record(args.record, load_package(args.weights), results)
    return int(wrong > 0)


def _pictures(args: argparse.Namespace) -> list[Path]:
    """Of the folder itself: each becomes a file that is named after it."""
    found = find_images(args.data, recursive=False).first(args.limit)
    return list(found.files.values())


def _measure(args: argparse.Namespace, pictures: Sequence[Path]) -> Results:
    """Everything written, and then everything read, in each setting."""
    settings = _settings(args)
    folders = {name: args.out / name.replace("/", "_") for name in settings}
    task = ["--weights", args.weights]
    for folder in args.also:
        if not any(folder.glob("*.npz")):
            raise HcfError(f"{folder} holds nothing that eval.noise_probe wrote")
    for folder in folders.values():
        for stale in folder.glob("*.npz"):
            stale.unlink()
    for name, setting in tqdm(settings.items(), "writing", disable=None):
        qualities = ["--qualities", *map(str, args.qualities)]
        data = ["--data", *map(str, pictures), "--out", str(folders[name])]
        _probe(setting, ["write", *task, *qualities, *data])
    writers = folders | {str(folder): folder for folder in args.also}
    results: Results = {}
    for name, setting in tqdm(settings.items(), "reading", disable=None):
        out = args.out / f"read by {folders[name].name}.json"
        theirs = writers
        if name == _EMULATED:  # a picture takes minutes there, and all others read what it wrote
            theirs = {writer: folders[writer] for writer in (next(iter(folders)), name)}
        files = ["--files", *map(str, theirs.values()), "--out", str(out)]
        _probe(setting, ["read", *task, *files])
        found = json.loads(out.read_text())
        results[name] = {writer: found[str(folder)] for writer, folder in theirs.items()}
    write_whole(args.out / "noise.json", (json.dumps(results) + "\n").encode())
    return results


def _settings(args: argparse.Namespace) -> Mapping[str, Setting]:
    """By name."""
    here = {n: Setting([sys.executable], {"XLA_FLAGS": f}) for n, f in FLOAT_SETTINGS.items()}
    others = {str(python): Setting([str(python)], {}) for python in args.python}
    arm = arm_setting(args.arm) if args.arm else None
    return here | others | ({_EMULATED: arm} if arm else {})


def _note_without_arm(folder: Path | None) -> None:
    """Records that were taken on x86 alone were too small by a factor of up to six."""
    if folder is None or arm_setting(folder) is None:
        where = f"{folder} has none" if folder else "no --arm was given"
        print(
            f"without 64-bit ARM, whose floats differ most: {where} (sh eval/arm_setup.sh FOLDER)"
        )


def _probe(setting: Setting, arguments: Sequence[str]) -> None:
    command = [*setting.python, "-m", "eval.noise_probe", *arguments]
    subprocess.run(command, env={**os.environ, **setting.environment}, check=True)


def _record(out: Path, package: WeightPackage, results: Results) -> None:
    meta = {**package.meta, "noise": noise_record(_largest(results), _of_pixels(results))}
    package = dataclasses.replace(package, meta=meta)
    for dtype in ("bfloat16", "float16", "float32"):
        with contextlib.suppress(ValueError):  # that would change the weights
            save_package(out, package, dtype)
            return


def _largest(results: Results) -> dict[float, list[float]]:
    """The largest |delta p| of each step, by quality."""
    found: dict[float, list[float]] = {}
    for by_writer in results.values():
        for file in itertools.chain(*by_writer.values()):
            before = found.setdefault(file["quality"], [0.0] * len(file["largest"]))
            found[file["quality"]] = list(map(max, before, file["largest"]))
    return found


def _of_pixels(results: Results) -> dict[float, tuple[float, float]]:
    """By quality, how far values of pixels lie off: on average in the picture where that is most, and at most."""
    found: dict[float, tuple[float, float]] = {}
    for by_writer in results.values():
        for file in itertools.chain(*by_writer.values()):
            mean, most = found.get(file["quality"], (0.0, 0.0))
            mean, most = max(mean, file["pixels_mean"]), max(most, file["pixels_largest"])
            found[file["quality"]] = mean, most
    return found


def _print(results: Results) -> int:
    """The matrix; how many files were read wrongly."""
    wrong = 0
    for reader, by_writer in results.items():
        for writer, files in by_writer.items():
            right = sum(f["same_symbols"] and not f["pixels_off_by_more"] for f in files)
            exact = sum(f["exact_found"] and not f["exact_wrong"] for f in files)
            wrong += 2 * len(files) - right - exact
            pixels = sum(f["pixels_off_by_1"] for f in files) / sum(f["values"] for f in files)
            print(
                f"written {writer}, read {reader}: {right} of {len(files)} right; "
                f"values off by one level {pixels:.1e}, by {max(f['pixels_largest'] for f in files):.1e} at most "
                f"before they are rounded; exact pixels: {sum(f['exact_wrong'] for f in files)} wrong, "
                f"{len(files) - sum(f['exact_found'] for f in files)} files not found; "
                f"|delta p| at most {max(max(f['largest']) for f in files):.1e}; "
                f"lost without shifts {sum(f['flips_without_shifts'] > 0 for f in files)}"
            )
    files = next(iter(next(iter(results.values())).values()))
    cost = sum(f["bytes"] for f in files) / sum(f["bytes_without_shifts"] for f in files) - 1
    print(f"shifts cost {100 * cost:.3f} % of the bytes")
    for quality in sorted({f["quality"] for f in files}):
        of_it = [f for f in files if f["quality"] == quality]
        share = sum(f["exact_bytes"] for f in of_it) / sum(f["bytes"] for f in of_it)
        print(f"exact pixels cost {100 * share:.3f} % at quality {quality:g}")
    return wrong


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS, help="a model's name, or a file")
    parser.add_argument("--data", type=Path, required=True, help="a folder of pictures")
    parser.add_argument("--limit", type=int, help="only the first so many pictures")
    parser.add_argument("--qualities", type=float, nargs="+", default=[1.0, 4.0, 8.0])
    parser.add_argument("--out", type=Path, required=True, help="a folder, some 15 MB a picture")
    parser.add_argument("--python", type=Path, nargs="*", default=[], help="of other environments")
    parser.add_argument(
        "--arm", type=Path, help="a folder that eval/arm_setup.sh has made; slow, minutes a setting"
    )
    parser.add_argument("--record", type=Path, help="a file for the weights with what was found")
    parser.add_argument(
        "--also", type=Path, nargs="*", default=[], help="folders written elsewhere"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
