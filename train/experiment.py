"""From the fields of an experiment to the objects of a run."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from hcfss_jax.errors import HcfError, InvalidInput, first_line_with_type
from hcfss_jax.models import create_model
from hcfss_jax.models.contracts import Codable, ModelFactory, Trainable, made_by, missing
from hcfss_jax.models.rehearsal import rehearse
from train.errors import BadConfig, TrainingError
from train.example import fields_of
from train.gradient import make_gradient
from train.initial import initial_shapes
from train.mesh import batch_sharding, place
from train.named import choose
from train.objective import Objective, build_objective
from train.optimiser import make_optimiser
from train.packing import Packing, Vectors
from train.start_from import starting_params
from train.state import TrainState, init_state, state_like, state_shardings
from train.step import StepFn, make_step
from train.student import student_of, with_adapters, without_adapters


def build_model(config: ConfigDict) -> Any:
    """The model that the experiment names, to be trained as it says. Raises BadConfig."""
    fields = config.model.overrides.to_dict()
    how = {"dtype": config.dtype, "remat": config.remat, "loops": config.loops}
    model = create(config.model.name, {**fields, **how}, factory_of(config.model.factory))
    _check_model(model, config)
    return student_of(model, config)


def factory_of(name: str) -> ModelFactory:
    """What makes the model: `create_model`, or the function "package.module:name". Raises BadConfig."""
    return choose("model.factory", name, {"": create_model})


def create(name: str, fields: Mapping[str, Any], factory: ModelFactory = create_model) -> Any:
    """The model called `name` with fields of its configuration changed. Raises BadConfig."""
    try:
        return made_by(factory, name, fields)
    except (HcfError, TypeError, ValueError) as error:
        raise BadConfig(f"model {name!r} with {dict(fields)}: {error}") from error


def _check_model(model: Any, config: ConfigDict) -> None:
    """Raise BadConfig, which names what is missing or broken, for a model that the experiment cannot use."""
    if not isinstance(model, nn.Module):
        raise BadConfig(
            f"config.model.factory={config.model.factory!r} makes a {type(model).__name__}, not a Flax module"
        )
    coded = [f"config.{name}" for name in ("eval_files", "eval_sets") if config.get(name)]
    for contract, why in ((Trainable, "to be trained"), (Codable, f"for {' and '.join(coded)}")):
        if (contract is Trainable or coded) and (lacks := missing(model, contract)):
            raise BadConfig(
                f"model {config.model.name!r} ({type(model).__name__}) lacks {', '.join(lacks)} {why}: "
                "see hcfss_jax/models/contracts.py"
            )
    if config.model.factory and not missing(model, Codable):
        try:
            rehearse(model)
        except InvalidInput as error:
            raise BadConfig(f"model {config.model.name!r}: {error}") from error
    takes = inspect.signature(type(model).__call__).parameters
    asked = [*["given"] * bool(config.data.given), *asked_of_pass(config)]
    for name in asked:
        if name not in takes:
            raise BadConfig(
                f"model {config.model.name!r}: its pass of training takes no {name!r}, which this experiment needs"
            )


def asked_of_pass(config: ConfigDict) -> dict[str, str]:
    """What the experiment asks of the model's pass of training beyond what every such pass does."""
    usual = {"quantisation": "noise", "products": "highest"}
    return {name: config[name] for name, value in usual.items() if config[name] != value}


def packing_of(
    model: Any, config: ConfigDict, adapters: Mapping[str, Sequence[int]] = {}
) -> Packing:
    """Where each of the model's parameters lies in the vectors; nothing is computed.

    adapters: shapes of those that it had in training and has not here, by name (`train.workdir.identity`).
    """
    shapes = with_adapters(initial_shapes(model), adapters)
    return Packing.of(shapes, config.sharding, config.get("frozen", ()))


def frozen_packing(objective: Objective, config: ConfigDict) -> Packing:
    """The same of what the objective holds and no step changes. Raises BadConfig."""
    try:
        return Packing.of(objective.frozen, (*config.sharding, (".*", "fsdp")))
    except (AttributeError, TypeError) as error:
        raise BadConfig(
            f"config.objective: what is frozen is no nested dict of float32 arrays: {error}"
        ) from error


def place_frozen(objective: Objective, config: ConfigDict, mesh: Mesh) -> Vectors:
    """What the objective holds, over the devices of all hosts."""
    packing = frozen_packing(objective, config)
    vectors = jax.device_get(jax.jit(packing.pack)(jax.device_put(dict(objective.frozen))))
    return place(vectors, packing.shardings(mesh))


def build_step(
    config: ConfigDict, model: Any, packing: Packing, mesh: Mesh, objective: Objective | None = None
) -> StepFn:
    """The compiled training step of the experiment on `mesh`. objective: where it is made already."""
    objective = objective or build_objective(config)
    frozen = frozen_packing(objective, config)
    gradient = make_gradient(
        model, packing, objective, mesh, config.accumulate, asked_of_pass(config), frozen
    )
    optimiser = make_optimiser(config, packing)
    return make_step(gradient, packing, optimiser, config.ema_decay, mesh, frozen)


def trace_step(
    step: StepFn, config: ConfigDict, packing: Packing, mesh: Mesh, frozen: Vectors
) -> None:
    """Trace the step, so that what is wrong with it is known before anything is written; its first call need not.

    Raises BadConfig, in one line where a function or a model from outside has a part in it.
    """
    state = state_like(packing, make_optimiser(config, packing), mesh)
    try:
        step.trace(state, batch_like(config, mesh), frozen)
    except HcfError as error:
        raise BadConfig(str(error)) from error
    except TrainingError:
        raise
    except Exception as error:
        outside = (config.model.factory, config.objective, config.optimiser, config.data.recipe)
        if not any(":" in name for name in outside):
            raise
        named = ", ".join(name for name in outside if ":" in name)
        raise BadConfig(
            f"the step of training with {named}: {first_line_with_type(error)}"
        ) from error


def batch_like(config: ConfigDict, mesh: Mesh) -> dict[str, jax.ShapeDtypeStruct]:
    """The shapes of a batch; nothing is loaded."""
    size, sharding = config.batch_size, batch_sharding(mesh)
    return {
        name: jax.ShapeDtypeStruct((size, *field.shape), field.dtype, sharding=sharding)
        for name, field in fields_of(config).items()
    }


def frozen_like(config: ConfigDict, mesh: Mesh) -> dict[str, jax.ShapeDtypeStruct]:
    """The shapes of what the objective holds."""
    packing = frozen_packing(build_objective(config), config)
    return {
        group: jax.ShapeDtypeStruct((packing.lengths[group],), np.float32, sharding=sharding)
        for group, sharding in packing.shardings(mesh).items()
    }


def fresh_state(
    config: ConfigDict,
    model: Any,
    packing: Packing,
    mesh: Mesh,
    tell: Callable[[str], None] = lambda line: None,
) -> TrainState:
    """The state of a run before its first step, over the devices of all hosts.

    tell: is told what was taken of the weights that it starts from. Raises BadConfig or WrongCheckpoint where it cannot
    start from them.
    """
    params = starting_params(config, model, packing, tell)
    vectors = jax.device_get(jax.jit(packing.pack)(jax.device_put(params)))
    optimiser = make_optimiser(config, packing)
    placed = place(vectors, packing.shardings(mesh))
    shardings = state_shardings(packing, optimiser, mesh)
    return jax.jit(lambda p: init_state(p, optimiser), out_shardings=shardings)(placed)


def parameters(vectors: Any, packing: Packing, mesh: Mesh) -> Any:
    """The model's parameters, without those that only training asks for, numpy arrays on every host.

    All hosts must call it.
    """
    whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    gathered = jax.jit(lambda v: v, out_shardings=whole)(vectors)
    with jax.transfer_guard("allow"):  # not compiled, and done once a validation
        params = jax.tree.map(np.asarray, packing.unpack(jax.device_get(gathered)))
    return without_adapters(params)
