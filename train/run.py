"""A run from its experiment: what is checked, what is resumed, and the loop."""

import contextlib
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from hcfss_jax.pictures.picture_files import counted
from hcfss_jax.runtime.agreement import agreement
from hcfss_jax.runtime.places import check_bucket
from train.agreement import check_shared, facts_of
from train.checkpoints import Checkpoints
from train.checks import check_config, few_images, images_held_out
from train.crop_check import check_crop
from train.devices import idle_gpu, told_devices
from train.eval_sets import open_eval_sets
from train.experiment import (
    build_model,
    build_step,
    fresh_state,
    packing_of,
    place_frozen,
    trace_step,
)
from train.held_out import make_held_out
from train.interrupt import Interrupt
from train.loop import Loop
from train.mesh import make_mesh
from train.objective import build_objective
from train.optimiser import make_optimiser
from train.packing import Packing
from train.patience import Patience
from train.profile import Profile
from train.provenance import record_start
from train.report import Report, Silence
from train.sources import Source, build_source, split
from train.state import TrainState, state_like
from train.stream import Stream
from train.training_crop import build_recipe
from train.utilisation import flops_per_image, peak_flops
from train.workdir import changes, check_workdir, claim_workdir, identity
from train.writers import build_writers


def train(config: ConfigDict, workdir: Path, command: str = "", profile: int = 0) -> int:
    """Train until `config.steps`, going on from the newest checkpoint that `workdir` holds.

    All hosts of a run call it alike, with a `workdir` that all of them see.
    profile: steps to trace into `workdir`/profile. Returns the number of the signal that stopped the run, once
    its state is saved; 0 for a run that has come to its end.
    Raises the errors of `train.errors`; what can be known to be wrong, before anything is written.
    """
    first_host = jax.process_index() == 0
    if first_host:
        _tell_devices()
    mesh = make_mesh(config.mesh.data, config.mesh.fsdp)
    with agreement() as facts:
        check_bucket(workdir)
        model = build_model(config)
        check_config(config, model, mesh)
        objective = build_objective(config)
        training, held_out = _sources(config, first_host)
        sets = open_eval_sets(config)
        packing = packing_of(model, config)
        identity_ = identity(config.model.name, model, packing)
        check_workdir(workdir, identity_)
        if jax.process_count() > 1:  # alone, nothing is hashed for nobody
            facts |= facts_of(config, training, len(training) + len(held_out))
            facts |= {f"config.eval_sets, {each.name!r}": each.told for each in sets}
    check_shared(workdir)
    frozen = place_frozen(objective, config, mesh)
    step = build_step(config, model, packing, mesh, objective)
    trace_step(step, config, packing, mesh, frozen)

    with (
        Interrupt() as interrupt,
        Patience(config.give_up_minutes) as patience,
        Checkpoints(workdir / "checkpoints", config.keep, patience=patience) as checkpoints,
        Checkpoints(workdir / "best", 1, patience=patience) as best,
    ):
        state, examples = _first_state(config, model, packing, mesh, checkpoints, training.digest)
        start = int(jax.device_get(state.step))
        if first_host:
            print(f"{_told_parameters(packing)}, from step {start}", flush=True)
            _tell_what_changed(config, workdir, start)
            claim_workdir(workdir, config, identity_, command)
            if warning := record_start(workdir, start, command):
                print(warning, flush=True)
        with (
            _stream(config, training, examples) as stream,
            Profile(workdir / "profile", start, profile) as traced,
            contextlib.closing(
                _report(config, model, packing, mesh, workdir, start) if first_host else Silence()
            ) as report,
        ):
            loop = Loop(
                config=config,
                step_fn=step,
                frozen=frozen,
                mesh=mesh,
                stream=stream,
                held_out=make_held_out(config, model, packing, held_out, mesh, sets)
                if config.eval_every
                else None,
                checkpoints=checkpoints,
                best=best,
                report=report,
                interrupt=interrupt,
                profile=traced,
                patience=patience,
                data_digest=training.digest,
            )
            return interrupt.signal if loop.go(state, start) else 0


def _told_parameters(packing: Packing) -> str:
    count, learned = packing.parameter_count, packing.learned.parameter_count
    return f"{count:,} parameters" + f", {learned:,} of them trained" * (learned < count)


def _tell_devices() -> None:
    print(f"training on {told_devices()}", flush=True)
    if warning := idle_gpu():
        print(warning, flush=True)


def _tell_what_changed(config: ConfigDict, workdir: Path, start: int) -> None:
    """What a run that goes on does otherwise than before, and that one has nothing left to do."""
    for line in changes(workdir, config) if start else []:
        print(f"from here on {line}", flush=True)
    if start >= config.steps:
        print(
            f"this run has come to its end: {start} of {config.steps} steps are taken. More, with the learning rate "
            f"of a run of that length, by --config.steps=N; a package of it by python -m train.export",
            flush=True,
        )


def _sources(config: ConfigDict, tell: bool) -> tuple[Source, Source]:
    """(training, held out), with a line on what there is."""
    source = build_source(config)
    count, note = images_held_out(len(source), config.data.held_out)
    training, held_out = split(source, count)
    mirrored = check_crop(training, config.crop)
    if tell:
        if source.passed_over:
            print(counted(source.passed_over), flush=True)
        print(f"{len(training)} images to train on, {len(held_out)} held out", flush=True)
        for line in (note, mirrored, few_images(len(training))):
            if line:
                print(line, flush=True)
    return training, held_out


def _first_state(
    config: ConfigDict,
    model: Any,
    packing: Packing,
    mesh: Mesh,
    checkpoints: Checkpoints,
    digest: str,
) -> tuple[TrainState, int]:
    """The newest checkpoint's state and how many examples it has seen; a fresh one without any."""
    if checkpoints.latest_step() is None:
        return fresh_state(config, model, packing, mesh, _tell_first), 0
    state, data = checkpoints.restore(state_like(packing, make_optimiser(config, packing), mesh))
    if data["digest"] != digest and jax.process_index() == 0:
        print("these are not the images that the run began with: their order starts anew here")
    return state, data["examples"]


def _tell_first(line: str) -> None:
    """Print it, on the first host."""
    if jax.process_index() == 0:
        print(line, flush=True)


def _stream(config: ConfigDict, source: Source, examples: int) -> Stream:
    data = config.data
    return Stream(
        source,
        build_recipe(config),
        config.batch_size,
        config.seed,
        position=examples,
        host=jax.process_index(),
        hosts=jax.process_count(),
        workers=data.workers,
        threads=data.threads,
        cache_gib=data.cache_gib,
        prefetch=data.prefetch,
    )


def _report(
    config: ConfigDict, model: Any, packing: Packing, mesh: Mesh, workdir: Path, start: int
) -> Report:
    peak = peak_flops(mesh.devices.flat[0].device_kind)
    share = None
    if peak:
        share = flops_per_image(model, packing.like(), config.crop) / (peak * mesh.size)
    writers = build_writers(config, workdir, start)
    return Report(workdir, start, config.steps, config.batch_size, share, writers)
