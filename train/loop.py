"""The training loop: step, report, validate, save."""

import dataclasses
import enum
import time
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from train.checkpoints import Checkpoints
from train.errors import CannotSave, Diverged
from train.gradient import Metrics
from train.held_out import HeldOut
from train.interrupt import Interrupt
from train.mesh import place_batch
from train.packing import Vectors
from train.patience import Patience
from train.profile import Profile
from train.report import Report, Silence
from train.state import TrainState
from train.step import StepFn
from train.stream import Stream
from train.watchdog import Watchdog


class Request(enum.IntEnum):
    """What a host asks of all at a step; the largest counts. Their clocks differ, and a signal may reach only one."""

    NOTHING = 0
    SAVE = 1
    STOP = 2


@dataclasses.dataclass
class Loop:
    """The parts of a run, and the loop over them. All hosts of a run take the same turns at the same steps.

    frozen: what the objective holds and no step changes. data_digest: of the images to train on, saved with the
    position in them.
    """

    config: ConfigDict
    step_fn: StepFn
    frozen: Vectors
    mesh: Mesh
    stream: Stream
    held_out: HeldOut | None
    checkpoints: Checkpoints
    best: Checkpoints
    report: Report | Silence
    interrupt: Interrupt
    profile: Profile
    patience: Patience
    data_digest: str

    def go(self, state: TrainState, start: int) -> bool:
        """Step from `start` to the end; save there and when interrupted. Whether it was."""
        self._asked_at = time.monotonic()
        self._told: set[str] = set()
        self._validated = False
        pending: list[Metrics] = []
        step, before, request = start, None, Request.NOTHING
        watchdog = Watchdog()
        if step < self.config.steps:
            self.report.compiling()
        while step < self.config.steps and request != Request.STOP:
            self.patience.at(f"step {step + 1}", judged=step > start)  # the first one compiles
            self.profile.before(step)
            with watchdog.step():
                batch = place_batch(self._next_batch(), self.mesh)
                state, metrics = self.step_fn(state, batch, self.frozen)
                step += 1
                pending.append(metrics)
                request = self._settle(before or metrics)
                before = metrics
            self.report.step_done()
            if step == start + 1:
                self.report.compiled(step)
            if step % self.config.log_every == 0 or step == self.config.steps:
                self.report.training(step, _means(pending))
                self._name_unreadable()
                pending.clear()
            if self.held_out and (step % self.config.eval_every == 0 or step == self.config.steps):
                self._validate(step, state)
            if request == Request.SAVE:
                self._save(step, state)
        self.profile.stop()
        self._save(step, state, last=True)
        skipped = int(jax.device_get(before["skipped_in_a_row"])) if before else 0
        if 2 * skipped > step - start:
            raise Diverged(
                f"the last {skipped} of {step - start} steps had no finite gradient, so nothing was learned in them: "
                "look at the loss, and at what the data hold"
            )
        return request == Request.STOP

    def _next_batch(self) -> dict[str, np.ndarray]:
        """This host's images, with what it asks for."""
        batch = next(self.stream)
        asks = Request.STOP if self.interrupt else Request.NOTHING
        due = time.monotonic() - self._asked_at >= 60.0 * self.config.checkpoint_minutes
        if due and not asks and jax.process_index() == 0:  # one clock is enough
            asks, self._asked_at = Request.SAVE, time.monotonic()
        return {**batch, "request": np.full(len(batch["level"]), asks, np.int32)}

    def _settle(self, metrics: Metrics) -> Request:
        """Let the devices be one step behind and no more; what was asked for in the step that is done."""
        skipped = int(jax.device_get(metrics["skipped_in_a_row"]))
        if skipped >= self.config.stop_after_skips:
            raise Diverged(
                f"the last {skipped} steps had a non-finite gradient: see where the loss rose in metrics.jsonl, and go "
                "on from the last checkpoint with a lower config.learning_rate or config.clip"
            )
        return Request(int(jax.device_get(metrics["request"])))

    def _validate(self, step: int, state: TrainState) -> None:
        """Figures on held-out images; the best state by their loss is kept."""
        assert self.held_out
        self.patience.at(f"the validation at step {step}", judged=self._validated)
        self.report.validating(step, first=not self._validated)
        figures, picture = self.held_out(state.ema)
        self._validated = True
        self.report.validation(step, figures)
        if picture is not None:
            self.report.picture(step, picture)
        self._wait(self.best)
        least = (self.best.read_data() or {}).get("loss", float("inf"))
        if figures["loss"] < least:
            self._write(self.best, step, state, {"loss": figures["loss"]})
        self.report.restart_clock(step)

    def _save(self, step: int, state: TrainState, last: bool = False) -> None:
        self._write(self.checkpoints, step, state, {}, last)
        if last:
            self.best.wait()

    def _write(
        self,
        checkpoints: Checkpoints,
        step: int,
        state: TrainState,
        more: dict[str, Any],
        last: bool = False,
    ) -> None:
        """Save; a run goes on where that fails, as the next time it may not, but for the last."""
        self.report.saving()
        data = {"examples": self.stream.position, "digest": self.data_digest, **more}
        self._wait(checkpoints)
        try:
            checkpoints.save(step, state, data)
            if last:
                checkpoints.wait()
        except CannotSave as error:
            if last:
                raise
            self.report.note(f"warning: {error} The run goes on.")

    def _wait(self, checkpoints: Checkpoints) -> None:
        """Until the save before is on the disk, or has failed."""
        try:
            checkpoints.wait()
        except CannotSave as error:
            self.report.note(f"warning: {error} The run goes on.")

    def _name_unreadable(self) -> None:
        """Each image that cannot be read, once."""
        for name in sorted(self.stream.unreadable.keys() - self._told):
            self._told.add(name)
            self.report.note(
                f"{name} cannot be read, another takes its place ({len(self._told)} such images)"
            )


def _means(pending: list[Metrics]) -> dict[str, float]:
    """Means over the steps since the last report; of the counts, the latest."""
    fetched = jax.device_get(pending)
    names = fetched[0].keys() - {"request"}
    means = {name: float(np.mean([m[name] for m in fetched])) for name in sorted(names)}
    return means | {name: float(fetched[-1][name]) for name in ("skipped", "skipped_in_a_row")}
