"""What an experiment minimises: a sum of terms, each a small function with a weight."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from hcfss_jax.models.skeleton import Output
from train.errors import BadConfig
from train.loss import RateDistortion, level_importance
from train.named import choose
from train.region import region_error

Batch = dict[str, jax.Array]
Figures = dict[str, jax.Array]
Term = Callable[[Output, Batch, jax.Array, Any], tuple[jax.Array, Figures]]
"""(output, batch, step, frozen) -> (`[B]`, what is minimised of each image; figures to tell, `[B]` or their means).

output: of the model. batch: see `train.example`, with "image" as the model saw it, float32 `[B, H, W, 3]` in [0, 1].
step: int32, steps taken so far. frozen: the tree that the objective holds.
"""


@dataclasses.dataclass(frozen=True)
class Objective:
    """Mean over a batch of importance * the sum of weight * term.

    terms: (weight, term). importance: (levels `[B]`) -> what each image counts, `[B]`; None for 1. frozen: what terms
    ask beside the model, such as a teacher's parameters: a nested dict of float32 arrays. It lies on the devices as the
    model's own parameters do, no step changes it, and no checkpoint holds it.
    """

    terms: Sequence[tuple[float, Term]]
    importance: Callable[[jax.Array], jax.Array] | None = None
    frozen: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __call__(
        self, output: Output, batch: Batch, step: jax.Array, frozen: Any
    ) -> tuple[jax.Array, Figures]:
        """The loss, and "loss" with the means of the figures of all terms."""
        values: list[jax.Array] = []
        figures: Figures = {}
        for weight, term in self.terms:
            value, told = term(output, batch, step, frozen)
            _check_value(term, value, len(batch["image"]))
            values.append(weight * value)
            figures |= {name: jnp.mean(figure) for name, figure in told.items()}
        each = sum(values[1:], start=values[0])
        if self.importance:
            each = self.importance(batch["level"]) * each
        loss = jnp.mean(each)
        return loss, {"loss": loss, **figures}


def _check_value(term: Term, value: Any, images: int) -> None:
    """Raise BadConfig for a term whose value would only be broadcast."""
    if getattr(value, "shape", None) != (images,):
        has = f"shape {list(value.shape)}" if hasattr(value, "shape") else type(value).__name__
        name = getattr(term, "__name__", type(term).__name__)
        raise BadConfig(
            f"config.objective: term {name!r} gives {has}, not a value for each of {images} images"
        )


def number(config: ConfigDict, name: str, least: float) -> float:
    """A number of the experiment that a term needs. Raises BadConfig where there is none, or one below `least`."""
    value = config.get(name)
    if value is None:
        raise BadConfig(
            f"config.objective={config.objective!r} takes config.{name}, which this experiment does not have: take one "
            "that does (grep configs/), or set it in a config file of your own"
        )
    if not (math.isfinite(value) and value >= least):
        raise BadConfig(f"config.{name}={value!r} must be {least:g} or more")
    return float(value)


def feature(output: Output, name: str) -> jax.Array:
    """What a model tells under a name for a term of the loss. Raises BadConfig where it tells none such."""
    if name not in output.features:
        raise BadConfig(
            f"config.objective: the model has no {name!r} among its features "
            f"({', '.join(output.features) or 'none'})"
        )
    return output.features[name]


def rate_distortion(config: ConfigDict) -> Objective:
    """Importance * (bpp + lambda * distortion), as `config.lambdas`, `metric`, `balance` and `rate_weights` say."""
    of = rate_distortion_of(config)

    def rate(output: Output, batch: Batch, step: jax.Array, frozen: Any) -> tuple[Any, Figures]:
        return of.rate(output, batch["image"])

    def distortion(
        output: Output, batch: Batch, step: jax.Array, frozen: Any
    ) -> tuple[Any, Figures]:
        return of.distortion(output, batch["image"], batch["level"])

    def importance(level: jax.Array) -> jax.Array:
        return level_importance(of.lambdas, config.balance)[level.astype(jnp.int32)]

    return Objective(((1.0, rate), (1.0, distortion)), importance)


def rate_distortion_of(config: ConfigDict) -> RateDistortion:
    """What the experiment says of rate and distortion."""
    weights = {str(latent): float(weight) for latent, weight in config.rate_weights}
    return RateDistortion(tuple(config.lambdas), config.metric, weights)


def _distillation(config: ConfigDict) -> Objective:
    from train.distillation import distillation  # which adds its terms to those above

    return distillation(config)


def region_rate_distortion(config: ConfigDict) -> Objective:
    """`rate_distortion` with the error weighed by the mask of each example, as `config.region_ratio` says.

    Raises BadConfig where examples have no mask, the distortion is another than the squared error, or the ratio none.
    """
    if "mask" not in dict(config.data.given) or config.metric != "mse":
        raise BadConfig(
            "config.objective='region' takes config.data.given=(('mask', 1),) and config.metric='mse', not "
            f"{config.data.given!r} and {config.metric!r}"
        )
    plain, lambdas = rate_distortion(config), tuple(config.lambdas)
    ratio = number(config, "region_ratio", least=1)
    (rate, _), importance = plain.terms, plain.importance

    def distortion(
        output: Output, batch: Batch, step: jax.Array, frozen: Any
    ) -> tuple[Any, Figures]:
        error, figures = region_error(output.x_hat, batch["image"], batch["mask"], ratio)
        return jnp.asarray(lambdas, jnp.float32)[batch["level"].astype(jnp.int32)] * error, figures

    return Objective((rate, (1.0, distortion)), importance)


OBJECTIVES: dict[str, Callable[[ConfigDict], Objective]] = {
    "rate-distortion": rate_distortion,
    "distillation": _distillation,
    "region": region_rate_distortion,
}


def build_objective(config: ConfigDict) -> Objective:
    """What `config.objective` names, one of `OBJECTIVES` or a function of the experiment. Raises BadConfig."""
    objective = choose("objective", config.objective, OBJECTIVES)(config)
    if not isinstance(objective, Objective):
        raise BadConfig(
            f"config.objective={config.objective!r} makes a {type(objective).__name__}, not an Objective"
        )
    return objective
