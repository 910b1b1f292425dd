"""A trained model that another learns from: any that can be coded, as its weight package holds it."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from hcfss_jax.entropy.plan import only_on
from hcfss_jax.entropy.steps import Prediction, Quantise, run_steps, symbols
from hcfss_jax.errors import HcfError
from hcfss_jax.models import restore_model
from hcfss_jax.models.contracts import Codable, made_by, missing
from hcfss_jax.weights import load_package
from train.errors import BadConfig
from train.maps import transforms_of, watched
from train.named import choose


class Shown(NamedTuple):
    """What a teacher does with a batch: all of it as in files, with latents rounded.

    maps: see `train.maps`. latents: as coded, not rounded, `[B, h, w, M]` by name. rates: bits of each channel, the
    mean over its map, `[B, M]` by latent. x_hat: `[B, H, W, 3]`.
    """

    maps: dict[str, jax.Array]
    latents: Mapping[str, jax.Array]
    rates: dict[str, jax.Array]
    x_hat: jax.Array


@dataclasses.dataclass(frozen=True)
class Teacher:
    """name: as the experiment gives it. model: its module. params: its parameters, which an objective holds frozen.
    lambdas: that it was trained for, where its package says so.
    """

    name: str
    model: Any
    params: Any
    lambdas: tuple[float, ...] | None
    transforms: tuple[str, ...]

    @classmethod
    def of(cls, config: ConfigDict) -> "Teacher":
        """The one that `config.distil.teacher` names. Raises BadConfig where there is none that serves."""
        asked = config.distil
        if not asked.teacher:
            raise BadConfig(
                "config.distil.teacher: name the weights to learn from, a name that comes with the library or a file"
            )
        return _load(asked.teacher, asked.factory, config.dtype, transforms_of(asked.maps))

    def show(self, params: Any, x: jax.Array, level: jax.Array, given: Mapping[str, Any]) -> Shown:
        """What it does with images `[B, H, W, 3]` in [0, 1]; nothing of it has a gradient."""
        look = functools.partial(_show, transforms=self.transforms)
        shown = self.model.apply({"params": params}, x, level, given, method=look)
        return jax.tree.map(jax.lax.stop_gradient, shown)

    def shapes(self, crop: int) -> Shown:
        """The shapes of what it shows of one image of so many pixels a side; nothing is computed."""
        x, level = jnp.zeros((1, crop, crop, 3), jnp.float32), jnp.zeros(1, jnp.float32)
        return jax.eval_shape(lambda params: self.show(params, x, level, {}), self.params)


@functools.lru_cache(maxsize=1)
def _load(name: str, factory: str, dtype: str, transforms: tuple[str, ...]) -> Teacher:
    where = f"config.distil.teacher={name!r}"
    make = choose("distil.factory", factory, {"": None})
    try:
        package = load_package(name)
        model = (
            made_by(make, package.name, package.config)
            if make
            else restore_model(package.name, package.config)
        )
    except (HcfError, OSError, TypeError, ValueError) as error:
        raise BadConfig(f"{where}: {error}") from error
    if lacks := missing(model, Codable):
        raise BadConfig(f"{where}: {package.name} cannot be coded, it lacks {', '.join(lacks)}")
    if hasattr(model, "dtype"):
        model = model.clone(dtype=dtype)
    told = package.meta.get("experiment", {}).get("lambdas")
    lambdas = None if told is None else tuple(map(float, told))
    return Teacher(name, model, package.params, lambdas, transforms)


def _show(
    model: Any,
    x: jax.Array,
    level: jax.Array,
    given: Mapping[str, jax.Array],
    transforms: tuple[str, ...],
) -> Shown:
    with watched(x, transforms) as seen:
        latents = model.analyse(x, level, given) if given else model.analyse(x, level)
        decoded, bits = run_steps(model, level, _rounding_by_channel(model, latents))
        x_hat = model.synthesise(decoded, level)
    rates = {
        name: jnp.zeros((len(x), latent.shape[-1]), jnp.float32) for name, latent in latents.items()
    }
    for step, of_step in zip(model.plan, bits, strict=True):
        own = slice(step.first, step.first + step.channels)
        rates[step.latent] = rates[step.latent].at[:, own].add(of_step)
    return Shown(seen.maps(), dict(latents), rates, x_hat)


def _rounding_by_channel(model: Any, latents: Mapping[str, jax.Array]) -> Quantise:
    """The quantiser of evaluation; records bits of each channel, the mean over its map, `[B, channels]`."""

    def quantise(step: int, prediction: Prediction) -> tuple[jax.Array, jax.Array]:
        own, given = model.plan[step], prediction.distribution
        q, bits = symbols(own.lattice, own.part(latents), given, None)
        return only_on(own.lattice, given.value(q)), jnp.mean(bits, axis=(1, 2))

    return quantise
