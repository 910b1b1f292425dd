"""The training loop: resume, step, report, validate, save."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from train.checkpoints import Checkpoints
from train.data import Batches, CropRecipe
from train.errors import Diverged
from train.experiment import (
    build_model,
    check_config,
    claim_workdir,
    fresh_state,
    identity,
    layout_of,
    state_like,
)
from train.flat import FlatLayout
from train.images import Photos, load_photos
from train.interrupt import Interrupt
from train.optimiser import make_optimiser
from train.report import Report
from train.state import TrainState
from train.step import Metrics, StepFn, batch_sharding, make_mesh, make_step, replicated
from train.validate import make_validation


def train(config: ConfigDict, workdir: Path, command: str = "") -> int | None:
    """Train until `config.steps`, going on from the newest checkpoint that `workdir` holds.

    Returns None at the end, or the number of the signal that stopped the run after its state was
    saved. Raises the errors of `train.errors`.
    """
    mesh = make_mesh()
    model = build_model(config)
    check_config(config, model.config, mesh.size)
    training, held_out = _photos(config)
    layout = layout_of(model)
    claim_workdir(workdir, config, identity(config.model.name, model, layout), command)

    recipe = CropRecipe(config.crop, len(config.lambdas), config.data.half_size_probability)
    batches = Batches(training, recipe, config.batch_size, config.seed, config.data.prefetch)
    optimiser = make_optimiser(config)
    validate = None
    if config.eval_every:
        validate = make_validation(
            model, layout, held_out, config.eval_crop, config.eval_levels, config.lambdas
        )
    with Checkpoints(workdir, config.checkpoint_minutes) as checkpoints, Interrupt() as interrupt:
        state = _first_state(config.seed, model, layout, optimiser, mesh, checkpoints, batches)
        start = int(state.step)
        print(f"{state.params.size:,} parameters, from step {start}", flush=True)
        run = Run(
            config=config,
            step_fn=make_step(
                model,
                layout,
                optimiser,
                config.lambdas,
                config.balance,
                config.ema_decay,
                config.seed,
                mesh,
            ),
            place=lambda batch: jax.device_put(batch, batch_sharding(mesh)),
            batches=batches,
            validate=validate,
            checkpoints=checkpoints,
            report=Report(workdir, start, config.steps, config.batch_size),
            interrupt=interrupt,
        )
        return run.go(state, start)


@dataclasses.dataclass
class Run:
    """The parts of one run, and the loop over them."""

    config: ConfigDict
    step_fn: StepFn
    place: Callable[[Any], Any]
    batches: Batches
    validate: Callable[[Any], dict[str, float]] | None
    checkpoints: Checkpoints
    report: Report
    interrupt: Interrupt

    def go(self, state: TrainState, start: int) -> int | None:
        """Step from `start` to the end; save there and when interrupted. As `train` returns."""
        pending: list[Metrics] = []
        step = start
        while step < self.config.steps and not self.interrupt:
            state, metrics = self.step_fn(state, self.place(next(self.batches)))
            step += 1
            pending.append(metrics)
            self._wait_for(pending[-2:][0])
            self.report.step_done()
            if step % self.config.log_every == 0 or step == self.config.steps:
                self.report.training(step, _means(pending))
                pending.clear()
            if self.validate and (step % self.config.eval_every == 0 or step == self.config.steps):
                self.report.validation(step, self.validate(state.ema))
            if self.checkpoints.save_if_due(step, state, self.batches.state()):
                self.report.restart_clock(step)
        self.checkpoints.save(step, state, self.batches.state())
        self.report.close()
        return self.interrupt.signal

    def _wait_for(self, metrics: Metrics) -> None:
        """Let the device be one step behind and no more, so that a signal is soon obeyed."""
        skipped = int(metrics["skipped_in_a_row"])
        if skipped >= self.config.stop_after_skips:
            raise Diverged(
                f"the last {skipped} steps had a non-finite gradient: go on from the last "
                "checkpoint with a lower config.learning_rate or config.clip"
            )


def _photos(config: ConfigDict) -> tuple[Photos, Photos]:
    """(training, held out), with a line on what was read and what could not be."""
    photos = load_photos(config.data.path, config.data.memory_gib)
    training, held_out = photos.split(config.data.held_out)
    small = sum(min(image.shape[:2]) < config.crop for image in training.images)
    print(f"{len(training)} images to train on, {len(held_out)} held out", flush=True)
    if small:
        print(f"{small} images are smaller than a crop and are mirrored at their edges")
    if photos.unreadable:
        names = ", ".join(photos.unreadable[:10])
        print(f"{len(photos.unreadable)} images cannot be read and are left out: {names}")
    return training, held_out


def _first_state(
    seed: int,
    model: Any,
    layout: FlatLayout,
    optimiser: optax.GradientTransformation,
    mesh: Mesh,
    checkpoints: Checkpoints,
    batches: Batches,
) -> TrainState:
    """The newest checkpoint's state, the batches set to follow it; a fresh one without any."""
    whole = replicated(mesh)
    if checkpoints.latest_step() is None:
        return jax.device_put(fresh_state(seed, model, layout, optimiser), whole)
    state, position = checkpoints.restore(state_like(layout, optimiser, whole))
    batches.restore(position)
    return state


def _means(pending: list[Metrics]) -> dict[str, float]:
    """Means over the steps since the last report; of the counts, the latest."""
    fetched = jax.device_get(pending)
    means = {name: float(np.mean([m[name] for m in fetched])) for name in fetched[0]}
    return means | {"skipped": float(fetched[-1]["skipped"])}
