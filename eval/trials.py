"""A trial of a family of models: its smallest size trained for a while, exported, and measured through whole files.

Each part is the project's own program in a process of its own, so that no family's compiled programs stay in memory,
and is left out where what it makes is there: a trial that was stopped goes on with the same call.
"""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from eval.report import read_report
from hcfss_jax.errors import HcfError
from hcfss_jax.weights import load_package

ROOT = Path(__file__).parents[1]
_BY_A_SIGNAL = (130, 143, -2, -15)  # how a program ends that the user has stopped


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


class Trial(NamedTuple):
    """One family's, in a folder of its own.

    variant: of its experiments, "tiny" or with fields behind it as a config takes them. photos: to train on. pictures:
    to measure on, at `qualities` and beside `anchors`.
    """

    family: str
    variant: str
    folder: Path
    length: Length
    photos: Path
    pictures: Path
    qualities: Sequence[float]
    anchors: Sequence[str]

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
        run = self.folder.resolve() / "run"
        if not self._is_trained():
            experiment = {
                "data.path": self.photos.resolve(),
                "steps": self.length.steps,
                "batch_size": self.length.batch_size,
                "crop": self.length.crop,
                "eval_every": 0,
            }
            fields = [f"--config.{name}={value}" for name, value in experiment.items()]
            config = f"--config={ROOT / 'configs' / self.family}.py:{self.variant}"
            if why := _run("train.main", config, f"--workdir={run}", *fields):
                return why
            if why := _run("train.export", str(run), str(self.package), "--force"):
                return why
        if self._is_measured():
            return ""
        where = ["--data", str(self.pictures.resolve()), "--out", str(self.folder.resolve())]
        how = ["--qualities", *map(str, self.qualities), "--anchors", *self.anchors]
        why = _run("eval.main", "--weights", str(self.package), *where, *how)
        return "" if self._is_measured() else why or "eval.main has written no report"

    def _is_trained(self) -> bool:
        try:
            return trained_for(load_package(self.package).meta) == (self.length, "")
        except HcfError:
            return False

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
        } >= set(self.qualities)


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
