"""What training costs on the devices at hand, without data: `python -m train.bench --config configs/NAME.py:VARIANT`.

First what it costs before the first step, nothing taken from a cache: the seconds to lay out the parameters, to draw
them, to trace, lower and compile the step; by the clock, and of the processors. Then, unless `--steps=0`, the steps
themselves on random images: time, memory, and where the device's peak is known or told, the share of it.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
from absl import app, flags
from jax.sharding import Mesh
from ml_collections import ConfigDict

from train import flags as train_flags
from train.checks import check_config
from train.errors import TrainingError
from train.example import random_batch
from train.experiment import (
    batch_like,
    build_model,
    build_step,
    fresh_state,
    frozen_like,
    packing_of,
    place_frozen,
)
from train.flags import CONFIG, parse_flags
from train.interrupt import exit_code_of_ctrl_c
from train.mesh import make_mesh, place_batch
from train.objective import build_objective
from train.optimiser import make_optimiser
from train.state import state_like
from train.utilisation import flops_per_image, peak_flops

flags.adopt_module_key_flags(train_flags)  # so that --help lists them
_STEPS = flags.DEFINE_integer("steps", 10, "Steps to time, after one that is not.", 0)
_PEAK = flags.DEFINE_float("peak", None, "TFLOP/s of a device, where they are not known.")
_BANDWIDTH = flags.DEFINE_float("bandwidth", None, "Of a device's memory, in TB/s.")


def main(argv: list[str]) -> None:
    """Measure and print; exits with 1 and the reason for an experiment that cannot be run."""
    del argv
    with exit_code_of_ctrl_c():
        jax.config.update("jax_enable_compilation_cache", False)
        config = CONFIG.value
        config.data.path = "none"  # is read
        try:
            mesh = make_mesh(config.mesh.data, config.mesh.fsdp)
            measure(config, mesh, _STEPS.value, _PEAK.value, _BANDWIDTH.value)
        except TrainingError as error:
            sys.exit(f"train.bench: {error}")


def measure(
    config: ConfigDict,
    mesh: Mesh,
    steps: int,
    peak: float | None = None,
    bandwidth: float | None = None,
) -> None:
    """Print what the experiment's step costs; see the flags. Raises BadConfig."""
    model = build_model(config)
    check_config(config, model, mesh)
    with _timed("lay out parameters"):
        packing = packing_of(model, config)
    step = build_step(config, model, packing, mesh)
    state_shapes = state_like(packing, make_optimiser(config, packing), mesh)
    with _timed("trace the step"):
        traced = step.trace(state_shapes, batch_like(config, mesh), frozen_like(config, mesh))
    with _timed("lower it"):
        lowered = traced.lower()
    with _timed("compile it"):
        compiled: Any = lowered.compile()
    temporary = compiled.memory_analysis().temp_size_in_bytes
    cost = compiled.cost_analysis() or {}
    flops = flops_per_image(model, packing.like(), config.crop) * config.batch_size / mesh.size
    print(f"{'temporary memory':24}{temporary / 2**20:10,.0f} MiB a device")
    print(f"{'arithmetic of the model':24}{flops / 1e9:10,.1f} GFLOP a device and step")
    traffic = cost.get("bytes accessed", 0.0)
    print(f"{'memory traffic':24}{traffic / 1e9:10,.1f} GB, as XLA counts it, loop bodies once")
    if not steps:
        return
    with _timed("draw parameters"):
        state = jax.block_until_ready(fresh_state(config, model, packing, mesh))
    batch = place_batch(random_batch(config, config.batch_size // jax.process_count()), mesh)
    frozen = place_frozen(build_objective(config), config, mesh)
    seconds = statistics.median(_run(compiled, state, batch, frozen, steps))
    kind = mesh.devices.flat[0].device_kind
    print(f"{'step':24}{1e3 * seconds:10,.1f} ms, the median of {steps}, on {mesh.size} {kind}")
    print(f"{'images a second':24}{config.batch_size / seconds:10,.1f}")
    most = 1e12 * peak if peak else peak_flops(kind)
    if most:
        print(
            f"{'share of peak':24}{_percent(flops / seconds / most)}, of {most / 1e12:,.0f} TFLOP/s"
        )
    if bandwidth:
        share = traffic / seconds / (1e12 * bandwidth)
        print(f"{'share of bandwidth':24}{_percent(share)}, of {bandwidth} TB/s")


def _percent(share: float) -> str:
    """Two digits that count, however small: a trial's share of a large machine is no 0.0 %."""
    return f"{100 * share:#9.2g}%"


def _run(step: Any, state: Any, batch: Any, frozen: Any, steps: int) -> list[float]:
    """Seconds of each of so many steps, after one that warms up."""
    seconds = []
    for _ in range(steps + 1):
        start = time.perf_counter()
        state, metrics = step(state, dict(batch), frozen)
        jax.block_until_ready((state, metrics))
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


@contextmanager
def _timed(what: str) -> Iterator[None]:
    """Print how long the inside takes."""
    start, used = time.perf_counter(), time.process_time()
    yield
    wall, processor = time.perf_counter() - start, time.process_time() - used
    print(f"{what:24}{wall:10.1f} s, {processor:.1f} s of the processors", flush=True)


if __name__ == "__main__":
    flags.mark_flags_as_required(["config"])
    app.run(main, flags_parser=lambda argv: parse_flags("train.bench", argv))
