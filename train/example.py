"""What a training example is: the names, shapes and types of all that a batch holds, and who makes each.

Whatever makes, places, shapes or reads a batch takes them from here: the recipe, the stream, the bench, programs that
are compiled without data, the gradient.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from hcfss_jax.models.side_inputs import SIDE_INPUTS
from train.errors import BadConfig

Example = dict[str, np.ndarray]
"""Arrays without a batch's axis."""


class Field(NamedTuple):
    """shape: of one example. below: a random one lies in [0, below), whole numbers but for `mask` and `text`."""

    shape: tuple[int, ...]
    dtype: type[np.generic]
    below: int


GIVEN = SIDE_INPUTS
"""Fields that only the encoder of some models sees, and their loss terms; an experiment says which there are."""


def made_by_recipe(crop: int, levels: int, given: Mapping[str, int] = {}) -> dict[str, Field]:
    """What a recipe makes of a photo.

    image: the crop, 8-bit RGB. level: of the rate, a whole number. noise: the seed of the example's own noise, which
    then depends on no device, host or place in the batch. mask: what each pixel counts, in [0, 1]. text: an embedding,
    of so many numbers as `given` says.
    """
    optional = {
        "mask": Field((crop, crop, 1), np.float32, 1),
        "text": Field((given.get("text", 0),), np.float32, 1),
    }
    return {
        "image": Field((crop, crop, 3), np.uint8, 256),
        "level": Field((), np.float32, levels),
        "noise": Field((), np.uint32, 2**32),
        **{name: optional[name] for name in GIVEN if name in given},
    }


def fields_of(config: ConfigDict) -> dict[str, Field]:
    """All that a batch of the experiment holds: what the recipe makes, and `request`, what the host that sends an
    example asks of all hosts (`train.loop`). Raises BadConfig for a name in `config.data.given` that is none.
    """
    return {**recipe_fields(config), "request": Field((), np.int32, 1)}


def recipe_fields(config: ConfigDict) -> dict[str, Field]:
    """Of these, what the recipe makes."""
    given = {str(name): int(size) for name, size in config.data.given}
    if unknown := sorted(given.keys() - set(GIVEN)):
        raise BadConfig(f"config.data.given: {unknown[0]!r} is none of {', '.join(GIVEN)}")
    if given.get("mask", 1) != 1:
        raise BadConfig(f"config.data.given: a mask has one channel, not {given['mask']}")
    return made_by_recipe(config.crop, len(config.lambdas), given)


def given_of(batch: Mapping[str, Any]) -> dict[str, Any]:
    """What of a batch only the encoder sees."""
    return {name: batch[name] for name in GIVEN if name in batch}


def random_batch(config: ConfigDict, size: int) -> dict[str, np.ndarray]:
    """So many examples of noise, as training would meet them."""
    rng = np.random.default_rng(0)

    def draw(name: str, field: Field) -> np.ndarray:
        shape = (size, *field.shape)
        if name in GIVEN:
            return rng.random(shape, np.float32)
        return rng.integers(0, field.below, shape).astype(field.dtype)

    return {name: draw(name, field) for name, field in fields_of(config).items()}


class Checked:
    """A recipe, each of whose examples is held to the fields that it shall make."""

    def __init__(
        self,
        recipe: Callable[..., Example],
        fields: Mapping[str, Field],
    ):
        self._recipe, self._fields = recipe, fields
        takes = inspect.signature(recipe).parameters
        self.asks_caption = "text" in fields and "caption" in takes
        """Whether it is to be called with what is said of the photo, too: a recipe that says so makes a text of it."""

    def __call__(self, photo: np.ndarray, rng: np.random.Generator, *caption: str) -> Example:
        """Raises BadConfig for an example of other names, shapes or types."""
        example = self._recipe(photo, rng, *caption)
        found = {
            name: (np.shape(value), np.asarray(value).dtype) for name, value in example.items()
        }
        wanted = {
            name: (field.shape, np.dtype(field.dtype)) for name, field in self._fields.items()
        }
        if found != wanted:
            odd = min(n for n in found.keys() | wanted.keys() if found.get(n) != wanted.get(n))
            raise BadConfig(
                f"config.data.recipe: {odd!r} is {_told(found.get(odd))} where an example has {_told(wanted.get(odd))}"
            )
        return example


def _told(facts: tuple[tuple[int, ...], np.dtype] | None) -> str:
    return "none" if facts is None else f"{facts[1].name} {list(facts[0])}"
