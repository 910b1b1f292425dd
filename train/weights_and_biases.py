"""A run's figures and pictures on Weights & Biases: `--config.writers=jsonl,pictures,wandb`.

Its own environment variables say where they go: WANDB_PROJECT, WANDB_ENTITY, WANDB_MODE=offline.
"""

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from train.errors import BadConfig

_PROJECT = "hcfss_jax"


class WeightsAndBiases:
    """One run there for one directory here, which holds its id: what goes on here goes on there.

    There a step is told once. A run that was killed and goes on from an earlier step tells those between again, the
    same, and there they are passed over.
    """

    name = "wandb"

    def __init__(self, config: ConfigDict, workdir: Path, start: int):
        """Raises BadConfig where the package is missing, or it refuses the run."""
        try:
            self._wandb: Any = importlib.import_module("wandb")
        except ImportError as error:
            raise BadConfig(f"config.writers names wandb: pip install wandb ({error})") from error
        known = workdir / "wandb-run"
        goes_on = known.exists()
        try:
            self._run = self._wandb.init(
                project=_project(),
                name=workdir.name,
                id=known.read_text().strip() if goes_on else None,
                resume="allow" if goes_on else None,
                config=config.to_dict(),
            )
        except self._wandb.Error as error:
            raise BadConfig(
                f"Weights & Biases refuses the run: {error}. `wandb login`, or WANDB_MODE=offline keeps it here"
            ) from error
        if not goes_on:
            known.write_text(f"{self._run.id}\n")

    def figures(self, kind: str, step: int, figures: Mapping[str, float]) -> None:
        """See `Writer`."""
        self._log(step, {f"{kind}/{name}": n for name, n in figures.items()})

    def picture(self, name: str, step: int, picture: np.ndarray) -> None:
        """See `Writer`."""
        self._log(step, {name: self._wandb.Image(picture)})

    def close(self) -> None:
        """Waits until all is there."""
        self._run.finish()

    def _log(self, step: int, told: Mapping[str, Any]) -> None:
        try:
            self._run.log(told, step=step)
        except self._wandb.Error as error:
            raise OSError(str(error)) from error


def _project() -> str | None:
    """None where the environment names one."""
    return None if os.environ.get("WANDB_PROJECT") else _PROJECT
