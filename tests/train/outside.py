"""What an experiment may name, as a user would write it: an objective with a teacher, and a recipe with a mask."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from train.evaluators import Evaluator, Found
from train.example import Example
from train.objective import Objective, rate_distortion
from train.training_crop import CropRecipe, Recipe


def near_a_teacher(config: ConfigDict) -> Objective:
    """Rate and distortion, and how far the latents lie from the teacher's offset, more and more, within the mask."""

    def distance(output: Any, batch: Any, step: Any, frozen: Any) -> tuple[Any, dict[str, Any]]:
        gap = output.features["y"] - frozen["teacher"]["offset"]
        value = jnp.mean(jnp.square(gap), axis=(1, 2, 3)) * jnp.mean(batch["mask"], axis=(1, 2, 3))
        return step.astype(jnp.float32) * value, {"distance": value}

    usual = rate_distortion(config)
    offset = np.linspace(-2, 2, config.model.overrides.get("width", 4)).astype(np.float32)[
        None, None, None
    ]
    return dataclasses.replace(
        usual, terms=(*usual.terms, (0.5, distance)), frozen={"teacher": {"offset": offset}}
    )


@dataclasses.dataclass(frozen=True)
class Masked:
    """Our recipe, with a mask of the left part."""

    usual: Recipe

    def __call__(self, photo: np.ndarray, rng: np.random.Generator) -> Example:
        example = self.usual(photo, rng)
        mask = np.zeros((*example["image"].shape[:2], 1), np.float32)
        mask[:, : rng.integers(1, mask.shape[1])] = 1
        return {**example, "mask": mask}


def masked(config: ConfigDict) -> Masked:
    """The recipe of an experiment with `config.data.given=(("mask", 1),)`."""
    return Masked(CropRecipe(config.crop, len(config.lambdas)))


def no_objective(config: ConfigDict) -> int:
    """What is none."""
    return 3


def showing(config: ConfigDict, model: Any) -> Evaluator:
    """An evaluator that shows the first photo."""
    return lambda params, photos: Found({}, photos[0])
