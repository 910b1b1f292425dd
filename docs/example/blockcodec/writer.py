"""Figures for a spreadsheet."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

COLUMNS = ("kind", "step", "loss", "bpp", "psnr", "edges")


class Csv:
    """figures.csv in the directory of a run. A run that goes on from `start` drops what came after."""

    name = "figures.csv"

    def __init__(self, workdir: Path, start: int):
        self._path = workdir / self.name
        rows = list(csv.DictReader(self._path.open())) if self._path.exists() else []
        with self._path.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(row for row in rows if int(row["step"]) <= start)

    def figures(self, kind: str, step: int, figures: Mapping[str, float]) -> None:
        """A row of those that there are."""
        with self._path.open("a", newline="") as file:
            row = {"kind": kind, "step": step, **figures}
            csv.DictWriter(file, COLUMNS, extrasaction="ignore").writerow(row)

    def picture(self, name: str, step: int, picture: np.ndarray) -> None:
        """None in a spreadsheet."""

    def close(self) -> None:
        """Every row is written."""


def figures_csv(config: ConfigDict, workdir: Path, start: int) -> Csv:
    """The writer of a run."""
    return Csv(workdir, start)
