"""From the fields of an experiment to the objects of a run."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from hcfss_jax.errors import HcfError
from hcfss_jax.models import create_model
from hcfss_jax.weights import load_package
from train.errors import BadConfig, WrongCheckpoint
from train.gradient import make_gradient
from train.initial import initial_params, initial_shapes
from train.loss import Loss
from train.mesh import batch_sharding, place
from train.optimiser import make_optimiser
from train.packing import Packing
from train.state import TrainState, init_state, state_shardings
from train.step import StepFn, make_step


def build_model(config: ConfigDict) -> Any:
    """The model that the experiment names, to be trained as it says. Raises BadConfig."""
    fields = config.model.overrides.to_dict()
    how = {"dtype": config.dtype, "remat": config.remat, "loops": config.loops}
    return create(config.model.name, {**fields, **how})


def create(name: str, fields: Mapping[str, Any]) -> Any:
    """The model called `name` with fields of its configuration changed. Raises BadConfig."""
    try:
        return create_model(name, **fields)
    except (HcfError, TypeError, ValueError) as error:
        raise BadConfig(f"model {name!r} with {dict(fields)}: {error}") from error


def packing_of(model: Any, config: ConfigDict) -> Packing:
    """Where each of the model's parameters lies in the vectors; nothing is computed."""
    return Packing.of(initial_shapes(model), config.sharding)


def build_loss(config: ConfigDict) -> Loss:
    """What the experiment minimises."""
    return Loss(tuple(config.lambdas), config.metric, config.balance)


def build_step(config: ConfigDict, model: Any, packing: Packing, mesh: Mesh) -> StepFn:
    """The compiled training step of the experiment on `mesh`."""
    gradient = make_gradient(model, packing, build_loss(config), mesh, config.accumulate)
    return make_step(gradient, packing, make_optimiser(config, packing), config.ema_decay, mesh)


def batch_like(config: ConfigDict, mesh: Mesh) -> dict[str, jax.ShapeDtypeStruct]:
    """The shapes of a batch; nothing is loaded."""
    size, side = config.batch_size, config.crop
    shapes = {
        "image": ((size, side, side, 3), jnp.uint8),
        "level": ((size,), jnp.float32),
        "noise": ((size,), jnp.uint32),
        "request": ((size,), jnp.int32),
    }
    sharding = batch_sharding(mesh)
    return {
        name: jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)
        for name, (shape, dtype) in shapes.items()
    }


def fresh_state(config: ConfigDict, model: Any, packing: Packing, mesh: Mesh) -> TrainState:
    """The state of a run before its first step, over the devices of all hosts.

    Raises WrongCheckpoint where the weights that it shall start from are those of another model.
    """
    given = config.init_from and _loaded_params(config.init_from, packing)
    params = given or initial_params(model, config.seed)
    vectors = jax.device_get(jax.jit(packing.pack)(jax.device_put(params)))
    optimiser = make_optimiser(config, packing)
    placed = place(vectors, packing.shardings(mesh))
    shardings = state_shardings(packing, optimiser, mesh)
    return jax.jit(lambda p: init_state(p, optimiser), out_shardings=shardings)(placed)


def parameters(vectors: Any, packing: Packing, mesh: Mesh) -> Any:
    """The parameters as the model takes them, numpy arrays on every host. All hosts must call it."""
    whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    gathered = jax.jit(lambda v: v, out_shardings=whole)(vectors)
    with jax.transfer_guard("allow"):  # not compiled, and done once a validation
        return jax.tree.map(np.asarray, packing.unpack(jax.device_get(gathered)))


def _loaded_params(name_or_path: str, packing: Packing) -> Any:
    try:
        package = load_package(name_or_path)
    except (HcfError, OSError) as error:
        raise BadConfig(f"config.init_from={name_or_path!r}: {error}") from error
    given = Packing.of(package.params)
    here = dict(zip(packing.names, packing.shapes, strict=True))
    there = dict(zip(given.names, given.shapes, strict=True))
    if here != there:
        odd = sorted(
            name for name in here.keys() | there.keys() if here.get(name) != there.get(name)
        )
        raise WrongCheckpoint(
            f"config.init_from={name_or_path!r} holds {package.name}, which differs from this model in "
            f"{len(odd)} parameters, such as {odd[0]}: {there.get(odd[0])} there, {here.get(odd[0])} here"
        )
    return package.params
