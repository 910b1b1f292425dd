"""Who writes down what a run measures: metrics.jsonl, TensorBoard's files, pictures, and writers of the user's own."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from ml_collections import ConfigDict

from hcfss_jax.runtime.whole_file import write_whole
from train.board import Board
from train.growing_file import growing_file
from train.named import choose
from train.real_files import save_picture
from train.weights_and_biases import WeightsAndBiases


class Writer(Protocol):
    """Made on the first host alone. An OSError of a call is told as a warning, and the run goes on.

    name: the file or folder of the run's directory that it writes, or what else a user knows it by.
    """

    name: str

    def figures(self, kind: str, step: int, figures: Mapping[str, float]) -> None:
        """What was measured up to `step`. kind: "train", means since the last time; "validation"."""
        ...

    def picture(self, name: str, step: int, picture: np.ndarray) -> None:
        """uint8 `[H, W, 3]`."""
        ...

    def close(self) -> None:
        """The run has ended; all that came is to be kept by then."""
        ...


def flush(writer: Writer) -> None:
    """A checkpoint is about to be saved, and a run may go on from it: what came is to be kept by then.

    Calls the method of that name, where a writer has one.
    """
    if call := getattr(writer, "flush", None):
        call()


class JsonLines:
    """metrics.jsonl: a line for each call. Lines from after `start`, left by a run that was killed, are dropped."""

    name = "metrics.jsonl"

    def __init__(self, workdir: Path, start: int):
        self._path = workdir / self.name
        if self._path.exists():
            whole = [line for line in self._path.read_text().splitlines() if line.endswith("}")]
            kept = [line for line in whole if json.loads(line)["step"] <= start]
            write_whole(self._path, "".join(line + "\n" for line in kept).encode())
        self._file = growing_file(self._path)

    def figures(self, kind: str, step: int, figures: Mapping[str, float]) -> None:
        """See `Writer`."""
        line = json.dumps({"kind": kind, "step": step, **figures}) + "\n"
        self._file.append(line.encode())

    def picture(self, name: str, step: int, picture: np.ndarray) -> None:
        """Not here."""

    def flush(self) -> None:
        """See `flush`."""
        self._file.flush()

    def close(self) -> None:
        """See `Writer`."""
        self._file.flush()


class TensorBoard:
    """tensorboard/: see `train.board`."""

    name = "tensorboard"

    def __init__(self, workdir: Path, start: int):
        self._board = Board(workdir / self.name, start)

    def figures(self, kind: str, step: int, figures: Mapping[str, float]) -> None:
        """See `Writer`."""
        self._board.scalars(step, {f"{kind}/{name}": n for name, n in figures.items()})

    def picture(self, name: str, step: int, picture: np.ndarray) -> None:
        """See `Writer`."""
        self._board.picture(name, step, picture)

    def flush(self) -> None:
        """See `flush`."""
        self._board.flush()

    def close(self) -> None:
        """See `Writer`."""
        self._board.close()


class Pictures:
    """pictures/STEP.png."""

    name = "pictures"

    def __init__(self, workdir: Path, start: int):
        self._folder = workdir / self.name

    def figures(self, kind: str, step: int, figures: Mapping[str, float]) -> None:
        """Not here."""

    def picture(self, name: str, step: int, picture: np.ndarray) -> None:
        """See `Writer`."""
        save_picture(self._folder / f"{step:08d}.png", picture)

    def close(self) -> None:
        """All is written already."""


WRITERS: dict[str, Callable[[ConfigDict, Path, int], Writer]] = {
    "jsonl": lambda config, workdir, start: JsonLines(workdir, start),
    "tensorboard": lambda config, workdir, start: TensorBoard(workdir, start),
    "pictures": lambda config, workdir, start: Pictures(workdir, start),
    "wandb": WeightsAndBiases,
}
"""(config, the run's directory, the step that it starts or goes on from) -> a writer."""


def build_writers(config: ConfigDict, workdir: Path, start: int) -> list[Writer]:
    """Those that `config.writers` names, ours or "package.module:name". Raises BadConfig."""
    return [choose("writers", name, WRITERS)(config, workdir, start) for name in config.writers]
