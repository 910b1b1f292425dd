"""From the fields of an experiment to the objects of a run, with every fault named at the start."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from hcfss_jax.errors import HcfError
from hcfss_jax.models import create_model
from hcfss_jax.whole_file import write_whole
from train.errors import BadConfig, WrongCheckpoint
from train.flat import FlatLayout
from train.state import TrainState, init_state

Identity = dict[str, Any]


def build_model(config: ConfigDict) -> Any:
    """The model that the experiment names, with its overrides. Raises BadConfig."""
    return create(config.model.name, config.model.overrides.to_dict())


def create(name: str, fields: Mapping[str, Any]) -> Any:
    """The model called `name` with fields of its configuration changed. Raises BadConfig."""
    try:
        return create_model(name, **fields)
    except (HcfError, TypeError, ValueError) as error:
        raise BadConfig(f"model {name!r} with {dict(fields)}: {error}") from error


def init_params(model: Any, seed: int) -> Any:
    """Random initial parameters; the same for the same seed on the same version of JAX."""
    # JAX's default generator takes three times as long to compile for a thousand parameters.
    keys = jax.random.split(jax.random.key(seed, impl="unsafe_rbg"), 2)
    x, level = jnp.zeros((1, 64, 64, 3)), jnp.zeros((1,))
    return model.init({"params": keys[0], "noise": keys[1]}, x, level)["params"]


def layout_of(model: Any) -> FlatLayout:
    """Where each of the model's parameters lies in the vector; nothing is computed."""
    return FlatLayout.of(jax.eval_shape(lambda: init_params(model, 0)))


def fresh_state(
    seed: int, model: Any, layout: FlatLayout, optimiser: optax.GradientTransformation
) -> TrainState:
    """The state of a run before its first step."""
    params = jax.jit(lambda: layout.ravel(init_params(model, seed)))()
    return init_state(params, optimiser)


def state_like(
    layout: FlatLayout,
    optimiser: optax.GradientTransformation,
    sharding: jax.sharding.Sharding,
) -> TrainState:
    """The shapes of a run's state on the devices of `sharding`; nothing is computed."""
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        jax.eval_shape(lambda: init_state(jnp.zeros(sum(layout.sizes)), optimiser)),
    )


def check_config(config: ConfigDict, model_config: Any, devices: int) -> None:
    """Raise BadConfig, which names the field, for values that would fail later."""
    levels = model_config.levels
    checks = {
        "crop": (config.crop > 0 and config.crop % 64 == 0, "must be a multiple of 64"),
        "eval_crop": (
            config.eval_crop > 0 and config.eval_crop % 64 == 0,
            "must be a multiple of 64",
        ),
        "batch_size": (
            config.batch_size > 0 and config.batch_size % devices == 0,
            f"must be a positive multiple of the number of devices, {devices}",
        ),
        "steps": (config.steps > 0, "must be positive"),
        "lambdas": (
            len(config.lambdas) == levels,
            f"must hold one value for each of the model's {levels} levels",
        ),
        "eval_levels": (
            all(0 <= level < levels for level in config.eval_levels),
            f"must lie in 0..{levels - 1}",
        ),
        "schedule": (config.schedule in ("cosine", "wsd"), "must be 'cosine' or 'wsd'"),
        "log_every": (config.log_every > 0, "must be positive"),
        "ema_decay": (0.0 <= config.ema_decay < 1.0, "must lie in [0, 1)"),
    }
    for field, (holds, rule) in checks.items():
        if not holds:
            raise BadConfig(f"config.{field}={config[field]!r} {rule}")
    if config.data.held_out < 1 and config.eval_every:
        raise BadConfig("config.data.held_out=0 leaves nothing to validate on: set eval_every=0")


def identity(name: str, model: Any, layout: FlatLayout) -> Identity:
    """What makes a checkpoint this model's: name, configuration and parameters, as in JSON."""
    values = {"name": name, "config": dataclasses.asdict(model.config), "layout": layout.digest}
    return json.loads(json.dumps(values))


def claim_workdir(
    workdir: Path, config: ConfigDict, model_identity: Identity, command: str
) -> None:
    """Write config.json, once it is sure that the directory is not another model's run.

    Raises WrongCheckpoint where it is.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    if (workdir / "config.json").exists():
        before = read_workdir(workdir)["model"]
        if before != model_identity:
            raise WrongCheckpoint(
                f"{workdir} holds a run of {before['name']} with "
                f"{_difference(before, model_identity)}: "
                "choose another --workdir, or delete this one to start over"
            )
    record = {"model": model_identity, "command": command, "config": config.to_dict()}
    write_whole(workdir / "config.json", (json.dumps(record, indent=1) + "\n").encode())


def read_workdir(workdir: Path) -> dict[str, Any]:
    """config.json of a run: model, command and config. Raises WrongCheckpoint without one."""
    try:
        return json.loads((workdir / "config.json").read_text())
    except FileNotFoundError as error:
        raise WrongCheckpoint(f"{workdir} is not the directory of a run: no config.json") from error


def _difference(before: Identity, now: Identity) -> str:
    """The model's fields that differ, as `field=before (now value)`."""
    old, new = before["config"], now["config"]
    fields = [
        f"{name}={old.get(name)!r} (now {new.get(name)!r})"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    if before["name"] != now["name"]:
        fields.append(f"another name (now {now['name']})")
    return ", ".join(fields) or "parameters of other names or shapes (older code?)"
