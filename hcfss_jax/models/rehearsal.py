"""A model's passes gone through once on shapes alone: what is wrong with it is named before it is trained or coded.

Models from outside are rehearsed where they are made, by the trainer and by the codec; those here by the tests.
"""

import contextlib
import dataclasses
import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.entropy.distributions import Gaussian
from hcfss_jax.entropy.plan import Lattice, Plan, Step, on_lattice
from hcfss_jax.entropy.steps import Decoded, Prediction
from hcfss_jax.errors import InvalidInput, first_line_with_type


def rehearse(model: Any) -> None:
    """Raise InvalidInput, which says what and where, for a `Codable` that breaks its contract.

    Checked are the config (frozen, hashable, JSON), the plan (every number of every latent is coded once, at the stride
    that its map has), and the shapes and types of all that the five methods give. Nothing is computed.
    """
    _check_config(model)
    _rehearse(model)


@functools.lru_cache(maxsize=16)
def _rehearse(model: Any) -> None:
    """Once for each model: validation makes a codec of it every time."""
    name = type(model).__name__
    with _in(f"{name}.plan"):
        _check_plan(model.plan)
        multiple = model.multiple
    images = jax.ShapeDtypeStruct((2, multiple, 2 * multiple, 3), jnp.float32)
    levels = jax.ShapeDtypeStruct((2,), jnp.float32)
    with _in(name):
        variables = jax.eval_shape(nn.init(_walk, model), jax.random.key(0), images, levels)
    if others := sorted(set(variables) - {"params"}):
        raise InvalidInput(
            f"{name}: its layers keep {', '.join(others)}; parameters, in 'params', have to be all that a model has"
        )


def _check_config(model: Any) -> None:
    name, config = type(model).__name__, model.config
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise InvalidInput(f"{name}.config is a {type(config).__name__}, not a frozen dataclass")
    try:
        hash(model)
        json.dumps(dataclasses.asdict(config))
    except TypeError as error:
        raise InvalidInput(
            f"{name}.config must be a frozen dataclass of numbers, strings and tuples: {error}"
        ) from error
    levels = getattr(config, "levels", None)
    if not isinstance(levels, int) or levels < 1:
        raise InvalidInput(f"{name}.config.levels is {levels!r}, not how many rates there are")


def _check_plan(plan: Any) -> None:
    if not isinstance(plan, tuple) or not all(isinstance(step, Step) for step in plan) or not plan:
        raise InvalidInput(
            f"it is a {type(plan).__name__}; make it a property that gives a tuple of Step"
        )
    for number, step in enumerate(plan):
        if step.lattice not in get_args(Lattice):
            raise InvalidInput(
                f"step {number} has lattice={step.lattice!r}: choose one of {get_args(Lattice)}"
            )


def _walk(model: Any, x: jax.Array, level: jax.Array) -> jax.Array:
    """The five methods as evaluation calls them, each result looked at."""
    with _in("analyse"):
        latents = model.analyse(x, level, {})
        _check_latents(model.plan, latents, x)
    if getattr(model, "level_only_scales", False):
        with _in("scaled, of unscaled, as level_only_scales promises,"):
            _check_latents(model.plan, model.scaled(model.unscaled(x, level, {}), level), x)
    decoded: Decoded = ()
    for number, step in enumerate(model.plan):
        where = f"step {number} ({_channels(step)} of {step.latent!r})"
        part = step.part(latents)
        with _in(f"predict, {where}"):
            prediction = model.predict(number, level, decoded)
            _check_prediction(step, prediction, part)
        with _in(f"refine, {where}"):
            left = model.refine(number, level, decoded, prediction.features, jnp.zeros_like(part))
        decoded = (*decoded, left)
    with _in("synthesise"):
        x_hat: jax.Array = model.synthesise(decoded, level)
        _check_array("x_hat", x_hat, x.shape)
    return x_hat


def _check_latents(plan: Plan, latents: Any, x: jax.Array) -> None:
    if not isinstance(latents, Mapping):
        raise InvalidInput(f"it gives a {type(latents).__name__}, not latents by name")
    if (named := {step.latent for step in plan}) != set(latents):
        raise InvalidInput(
            f"it gives {', '.join(sorted(latents))}; the plan codes {', '.join(sorted(named))}"
        )
    for latent, y in latents.items():
        steps = [step for step in plan if step.latent == latent]
        for step in steps:
            sides = step.area(*x.shape[1:3])
            _check_array(f"{latent!r}, of stride {step.stride}", y, (len(x), *sides, y.shape[-1]))
        _check_coverage(latent, steps, y)


def _check_coverage(latent: str, steps: list[Step], y: jax.Array) -> None:
    """Every number of a latent is coded by one step and no other."""
    channels = max(y.shape[-1], *(step.first + step.channels for step in steps))
    times = np.zeros((2, 2, channels), int)
    for step in steps:
        coded = times[..., step.first : step.first + step.channels]
        coded += on_lattice(step.lattice, 2, 2)[..., None]
    wanted = np.arange(channels) < y.shape[-1]
    wrong = np.flatnonzero(np.any(times != wanted, axis=(0, 1)))
    if wrong.size:
        first = int(wrong[0])
        counts = sorted(set(times[..., first].ravel().tolist()))
        raise InvalidInput(
            f"{latent!r} has {y.shape[-1]} channels, and the plan codes channel {first} "
            f"{' or '.join(map(str, counts))} times at a position: make it once each"
        )


def _check_prediction(step: Step, prediction: Any, part: jax.Array) -> None:
    if not isinstance(prediction, Prediction):
        raise InvalidInput(f"it gives a {type(prediction).__name__}, not a Prediction")
    found = prediction.distribution
    if not isinstance(found, step.distribution):
        raise InvalidInput(
            f"it gives a {type(found).__name__}, and the plan says {step.distribution.__name__}"
        )
    if isinstance(found, Gaussian):
        _check_array("mean", found.mean, part.shape)
        _check_array("log_scale", found.log_scale, part.shape)
    _check_array("what it codes", found.value(jnp.zeros_like(part)), part.shape)


def _check_array(what: str, array: Any, shape: tuple[int, ...]) -> None:
    found = getattr(array, "shape", None), getattr(array, "dtype", None)
    if found != (shape, jnp.float32):
        has = f"a {type(array).__name__}" if found[0] is None else f"{found[1]} {list(found[0])}"
        raise InvalidInput(f"{what} is {has}, not float32 {list(shape)}")


def _channels(step: Step) -> str:
    return f"channels {step.first} to {step.first + step.channels - 1}"


@contextlib.contextmanager
def _in(where: str) -> Iterator[None]:
    """Whatever is raised inside as InvalidInput that says where, in one line."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error}") from error
    except NotImplementedError as error:
        raise InvalidInput(f"{where}: not written") from error
    except Exception as error:
        raise InvalidInput(f"{where}: {first_line_with_type(error)}") from error
