"""Compile the training step for a TPU slice that is not there, and say whether it fits.

    python -m train.compile_only --config configs/NAME.py:base --topology v5e:16x16 --per_chip 4,8,16
    python -m train.compile_only --config configs/NAME.py:base --topology v5e:4x4 --slices 2

Needs libtpu (`pip install -e '.[pod]'`), which compiles on any Linux machine, and no TPU. For each number of images a
chip it prints the memory of a chip, its arithmetic, and everything that is sent between chips. Each is a compilation of
its own: a minute for the smallest models, the better part of an hour for the largest.
"""

import contextlib
import dataclasses
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import jax
from absl import app, flags
from jax.sharding import Mesh
from ml_collections import ConfigDict

from hcfss_jax.errors import first_line
from train import flags as train_flags
from train.checks import check_config
from train.collectives import collectives
from train.errors import BadConfig, TrainingError
from train.experiment import batch_like, build_model, build_step, frozen_like, packing_of
from train.flags import CONFIG, parse_flags
from train.interrupt import exit_code_of_ctrl_c
from train.mesh import make_mesh
from train.optimiser import make_optimiser
from train.state import state_like
from train.utilisation import flops_per_image, peak_flops

flags.adopt_module_key_flags(train_flags)  # so that --help lists them
_TOPOLOGY = flags.DEFINE_string("topology", "v5e:16x16", "KIND:SHAPE of the slice, as v5p:4x4x4.")
_SLICES = flags.DEFINE_integer("slices", 1, "So many of them, joined by a slow network.", 1)
_PER_CHIP = flags.DEFINE_list(
    "per_chip", [], "Images a chip; several to try each. Default: the batch of --config, dealt out."
)

# It only compiles: it neither asks for a TPU around nor minds others that do. Without the last two libtpu says that it
# does not find this machine's own TPU; whatever they name, it compiles for the topology that is asked for.
_WITHOUT_TPU = {
    "TPU_SKIP_MDS_QUERY": "1",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
}
_MEMORY_GB = {"v4": 32, "v5e": 16, "v5p": 95, "v6e": 32}  # of a chip; the maker's data sheets


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A step compiled for one chip of many.

    seconds: that tracing and compiling took. state, temporary: bytes of a chip for the arrays that outlive a step, and
    for those that do not. flops, traffic: operations and bytes of memory of a chip and step, as XLA counts them, loop
    bodies once. sent: see `collectives`.
    """

    seconds: float
    state: int
    temporary: int
    flops: float
    traffic: float
    sent: dict[str, tuple[int, int]]


def compile_step(config: ConfigDict, mesh: Mesh) -> Compiled:
    """Compile the experiment's step for `mesh`, whose devices need not exist.

    Raises BadConfig, and what XLA raises where it does not fit.
    """
    model = build_model(config)
    check_config(config, model, mesh)
    packing = packing_of(model, config)
    state = state_like(packing, make_optimiser(config, packing), mesh)
    start = time.monotonic()
    step = build_step(config, model, packing, mesh)
    like = batch_like(config, mesh), frozen_like(config, mesh)
    compiled: Any = step.lower(state, *like).compile()
    seconds = time.monotonic() - start
    memory, cost = compiled.memory_analysis(), compiled.cost_analysis() or {}
    return Compiled(
        seconds,
        memory.argument_size_in_bytes,
        memory.temp_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes,
        cost.get("flops", 0.0),
        cost.get("bytes accessed", 0.0),
        collectives(compiled.as_text()),
    )


def topology_devices(topology: str, slices: int = 1) -> Any:
    """The devices of a TPU slice that is only named, or of several.

    Raises BadConfig where libtpu is missing or knows no such slice.
    """
    from jax.experimental import topologies

    for name, value in _WITHOUT_TPU.items():
        os.environ.setdefault(name, value)
    try:
        return topologies.get_topology_desc(
            platform="tpu", topology_name=topology, num_slices=slices
        ).devices
    except Exception as error:  # libtpu's own have no common type
        raise BadConfig(
            f"--topology={topology}: {first_line(error)} (libtpu comes with the extra 'pod')"
        ) from error


def main(argv: list[str]) -> None:
    """Print a line for each number of images a chip; exits with 1 and the reason where none can be compiled."""
    del argv
    with exit_code_of_ctrl_c():
        config, kind = CONFIG.value, _TOPOLOGY.value.partition(":")[0]
        config.data.path = "none"  # is read
        try:
            devices = topology_devices(_TOPOLOGY.value, _SLICES.value)
            mesh = make_mesh(config.mesh.data, config.mesh.fsdp, devices)
            _describe(config, mesh)
            for per_chip in _PER_CHIP.value or [str(-(-config.batch_size // mesh.size))]:
                config.batch_size = int(per_chip) * mesh.size
                _try(config, mesh, _MEMORY_GB.get(kind))
        except (TrainingError, ValueError) as error:
            sys.exit(f"train.compile_only: {error}")


def _try(config: ConfigDict, mesh: Mesh, memory_gb: float | None) -> None:
    per_chip = config.batch_size // mesh.size
    images = f"{per_chip} image{'s' * (per_chip != 1)} a chip"
    try:
        with _alive(f"compiling for {images}"):
            found = compile_step(config, mesh)
    except jax.errors.JaxRuntimeError as error:
        print(
            f"{images}: does not fit: {first_line(error)[:200]}",
            flush=True,
        )
        return
    total = found.state + found.temporary
    of = f" of {memory_gb} GB" if memory_gb else ""
    print(
        f"{images}, {config.batch_size} in all: {told(total, 'B')}{of} "
        f"({told(found.state, 'B')} state, {told(found.temporary, 'B')} activations and gradients); "
        f"compiled in {found.seconds:.0f} s"
    )
    print(
        f"  XLA counts {told(found.flops, 'FLOP')} and {told(found.traffic, 'B')} from and to memory a chip and step"
    )
    for name, (count, size) in sorted(found.sent.items()):
        print(f"  {name}: {count}, {told(size, 'B')}", flush=True)


def told(amount: float, unit: str) -> str:
    """With three digits and the prefix that suits it: 9.61 MB."""
    for prefix, scale in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if amount >= 0.9995 * scale:
            return f"{amount / scale:#.3g} {prefix}{unit}".replace(". ", " ")
    return f"{amount:.0f} {unit}"


@contextlib.contextmanager
def _alive(what: str) -> Iterator[None]:
    """Says each minute that `what` goes on."""
    over, start = threading.Event(), time.monotonic()

    def tell() -> None:
        while not over.wait(60.0):
            minutes = (time.monotonic() - start) / 60
            print(f"{what}: {minutes:.0f} min so far", file=sys.stderr, flush=True)

    threading.Thread(target=tell, daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _describe(config: ConfigDict, mesh: Mesh) -> None:
    model = build_model(config)
    packing = packing_of(model, config)
    flops = flops_per_image(model, packing.like(), config.crop)
    kind = mesh.devices.flat[0].device_kind
    print(
        f"{config.model.name}, {packing.parameter_count:,} parameters, crops of {config.crop} pixels, "
        f"{config.dtype}{', blocks computed again' if config.remat else ''}"
        f"{', equal ones in loops' if config.loops else ''}; "
        f"{mesh.size} chips ({kind}), data {mesh.shape['data']} x fsdp {mesh.shape['fsdp']}"
    )
    peak = peak_flops(kind)
    least = f", {1e3 * flops / peak:.3g} ms at a chip's peak" if peak else ""
    print(f"training on an image takes {told(flops, 'FLOP')}{least}", flush=True)


if __name__ == "__main__":
    flags.mark_flags_as_required(["config"])
    app.run(main, flags_parser=lambda argv: parse_flags("train.compile_only", argv))
