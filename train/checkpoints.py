"""Checkpoints: the training state and the position in the data, saved together by orbax."""

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp

from train.errors import WrongCheckpoint


class Checkpoints:
    """The checkpoints of one working directory, the latest two kept.

    every_minutes: how often `save_if_due` saves, in minutes of wall clock.
    """

    def __init__(self, workdir: str | os.PathLike[str], every_minutes: float = 10.0):
        directory = Path(workdir).absolute() / "checkpoints"
        options = ocp.CheckpointManagerOptions(
            max_to_keep=2,
            # On CPU a saved array may share its memory with the state, which the next step reuses.
            enable_async_checkpointing=jax.default_backend() != "cpu",
        )
        self._manager = ocp.CheckpointManager(directory, options=options)
        self._directory = directory
        self._seconds = 60.0 * every_minutes
        self._saved_at = time.monotonic()

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._manager.close()

    def latest_step(self) -> int | None:
        """The step of the newest whole checkpoint, None where there is none."""
        return self._manager.latest_step()

    def save_if_due(self, step: int, state: Any, data: dict[str, Any]) -> bool:
        """Save when the interval since the last save has passed; whether it had."""
        due = time.monotonic() - self._saved_at >= self._seconds
        if due:
            self.save(step, state, data)
        return due

    def save(self, step: int, state: Any, data: dict[str, Any]) -> None:
        """Save the state and the data's position as of after `step` steps."""
        if step != self.latest_step():
            parts = ocp.args.Composite(
                state=ocp.args.StandardSave(state), data=ocp.args.JsonSave(data)
            )
            self._manager.save(step, args=parts)
        self._saved_at = time.monotonic()

    def restore(self, like: Any) -> tuple[Any, dict[str, Any]]:
        """(state, data position) of the newest checkpoint, as saved, to the bit.

        like: the state's shapes, dtypes and shardings (`jax.ShapeDtypeStruct`s).
        Raises WrongCheckpoint where there is none or where it is of another shape.
        """
        step = self.latest_step()
        if step is None:
            raise WrongCheckpoint(f"there is no checkpoint in {self._directory}: train first")
        parts = ocp.args.Composite(
            state=ocp.args.StandardRestore(like), data=ocp.args.JsonRestore()
        )
        try:
            saved = self._manager.restore(step, args=parts)
        except (ValueError, KeyError) as error:
            raise WrongCheckpoint(
                f"the checkpoint of step {step} in {self._directory} is of another model or an "
                f"older trainer ({str(error).splitlines()[0]}): choose another --workdir"
            ) from error
        # What was read may lie in memory that is not JAX's own, which a step must not reuse.
        return jax.tree.map(jnp.copy, saved["state"]), saved["data"]
