"""A trial of a model: a small size trained for a while, exported, and measured through whole files.

Each part is the project's own program in a process of its own, so that no family's compiled programs stay in memory,
and is left out where what it makes is there: a trial that was stopped goes on with the same call.
"""

import argparse
import math
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from eval.anchors import ANCHORS
from eval.report import read_report
from eval.sweep import find_images
from hcfss_jax.errors import HcfError
from hcfss_jax.weights import load_package

ROOT = Path(__file__).parents[1]
INTERRUPTED = 130  # as shells say it
_BY_A_SIGNAL = (INTERRUPTED, 143, -2, -15)  # how a program ends that the user has stopped


class Length(NamedTuple):
    """How much each trial is trained: so many steps of `batch_size` crops of `crop` pixels a side."""

    steps: int = 3_000
    batch_size: int = 4
    crop: int = 128

    @property
    def pixels(self) -> int:
        """That the model sees, all in all."""
        return self.steps * self.batch_size * self.crop**2

    def __str__(self) -> str:
        return f"{self.steps:,} steps of {self.batch_size} crops of {self.crop}x{self.crop}"


def trained_for(meta: Mapping[str, Any]) -> tuple[Length, str] | None:
    """What a package tells of its training: the length of its last run, and the weights that this one started from.

    None where it does not tell.
    """
    try:
        config = meta["experiment"]
        length = Length(meta["steps"], config["batch_size"], config["crop"])
        return length, config["init_from"]
    except KeyError:
        return None


class Measuring(NamedTuple):
    """What to train on and how to measure.

    photos: to train on. pictures: to measure on, at `qualities` and beside `anchors`.
    """

    photos: Path
    pictures: Path
    qualities: Sequence[float] = (1.0, 3.0, 5.0, 8.0)
    anchors: Sequence[str] = ("jpeg", "webp")


class Trial(NamedTuple):
    """One model's, in a folder of its own.

    variant: of its family's experiments, "tiny" or with fields behind it as a config takes them. start: weights that it
    goes on from. teacher: weights that it learns from. dtype: of the exported weights, "" for the exporter's.
    """

    family: str
    variant: str
    folder: Path
    length: Length
    measuring: Measuring
    start: Path | None = None
    teacher: Path | None = None
    dtype: str = ""

    @property
    def name(self) -> str:
        """Of the model."""
        return f"{self.family}-{self.variant.partition(',')[0]}"

    @property
    def package(self) -> Path:
        """The file of its weights."""
        return self.folder.resolve() / f"{self.name}.safetensors"

    def run(self) -> str:
        """Do what is not done; the reason why it did not come to its end, or nothing.

        Raises KeyboardInterrupt where one of the programs was stopped; each has saved what it had.
        """
        return self.train() or self.measure()

    def train(self) -> str:
        """The first part of `run`: until its weights are exported."""
        if self._is_trained():
            return ""
        run = f"--workdir={self.folder.resolve() / 'run'}"
        config = f"--config={ROOT / 'configs' / self.family}.py:{self.variant}"
        if why := _run("train.main", config, run, *self._experiment()):
            return why
        dtype = ["--dtype", self.dtype] * bool(self.dtype)
        where = [str(self.folder.resolve() / "run"), str(self.package), "--force"]
        return _run("train.export", *where, *dtype)

    def measure(self) -> str:
        """The second."""
        if self._is_measured():
            return ""
        by = self.measuring
        where = ["--data", str(by.pictures.resolve()), "--out", str(self.folder.resolve())]
        how = ["--qualities", *map(str, by.qualities), "--anchors", *by.anchors]
        why = _run("eval.main", "--weights", str(self.package), *where, *how)
        return "" if self._is_measured() else why or "eval.main has written no report"

    def _experiment(self) -> list[str]:
        """Of the experiment, as its flags."""
        fields = {
            "data.path": self.measuring.photos.resolve(),
            "steps": self.length.steps,
            "batch_size": self.length.batch_size,
            "crop": self.length.crop,
            "eval_every": 0,
            "init_from": self.start,
            "distil.teacher": self.teacher,
        }
        return [f"--config.{name}={value}" for name, value in fields.items() if value is not None]

    def _is_trained(self) -> bool:
        try:
            found = trained_for(load_package(self.package).meta)
        except HcfError:
            return False
        return found == (self.length, str(self.start or ""))

    def _is_measured(self) -> bool:
        """Whether the report is of these weights, at these qualities, and of all pictures that could be read."""
        try:
            report = read_report(self.folder)
        except (HcfError, OSError):
            return False
        if report["data"]["interrupted"]:
            return False
        curve = report["curves"].get(self.name, [])
        return report["codec"]["weights"] == [load_package(self.package).fingerprint.hex()] and {
            entry["quality"] for entry in curve
        } >= set(self.measuring.qualities)


def ended(program: str, work: Callable[[], int]) -> int:
    """The exit code of a program that makes trials: that of its work, 1 with the reason, 130 after Ctrl-C."""
    try:
        return work()
    except (HcfError, OSError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped: the same command goes on from here", file=sys.stderr)
        return INTERRUPTED


def add_trial_options(parser: argparse.ArgumentParser) -> None:
    """What the programs that make trials take alike; `length_of` and `measuring_of` read it."""
    parser.add_argument("--train", type=Path, metavar="PHOTOS", help="a folder or a tar of photos")
    parser.add_argument("--data", type=Path, metavar="DIR", help="pictures to measure on")
    equal = Length()
    parser.add_argument("--steps", type=_count, default=equal.steps, help="of training")
    parser.add_argument("--batch", type=_count, default=equal.batch_size, help="crops a step")
    parser.add_argument("--crop", type=_count, default=equal.crop, help="pixels a side")
    parser.add_argument("--qualities", type=float, nargs="+", default=[1.0, 3.0, 5.0, 8.0])
    parser.add_argument(
        "--anchors", nargs="*", choices=list(ANCHORS), default=["jpeg", "webp"], help="beside it"
    )


def length_of(args: argparse.Namespace) -> Length:
    """Of each trial."""
    return Length(args.steps, args.batch, args.crop)


def measuring_of(args: argparse.Namespace) -> Measuring:
    """Raises HcfError for what cannot work: it is found out before the hours that it would cost."""
    if args.data is None or args.train is None:
        raise HcfError(
            "--train takes --data too: photos to train on, and the pictures to measure on"
        )
    # The table of reports that are there is made without what training needs.
    from train.errors import TrainingError
    from train.sources import open_source

    find_images(args.data)
    try:
        open_source(args.train)
    except TrainingError as error:
        raise HcfError(f"there are no photos to train on: {error}") from error
    if not all(math.isfinite(quality) and quality >= 1 for quality in args.qualities):
        raise HcfError(f"--qualities {args.qualities}: numbers from 1 on")
    return Measuring(args.train, args.data, args.qualities, args.anchors)


def _count(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _run(program: str, *args: str) -> str:
    """Run one of the project's programs and show what it says. Why it failed, in one line; nothing where it did not."""
    command = [sys.executable, "-u", "-m", program, *args]
    how: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "cwd": ROOT}
    last = ""
    with subprocess.Popen(command, text=True, errors="backslashreplace", **how) as process:
        try:
            last = _shown(process, last)
        except KeyboardInterrupt:  # it was told too, and saves
            _shown(process, last)
            raise
    if process.returncode in _BY_A_SIGNAL:
        raise KeyboardInterrupt
    return f"{program} ended with {process.returncode}: {last}" if process.returncode else ""


def _shown(process: subprocess.Popen[str], last: str) -> str:
    """Prints what a process says until it says no more; the last line of it."""
    for line in process.stdout or ():
        print(line, end="", flush=True)
        last = line.strip() or last
    return last
