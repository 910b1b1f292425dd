"""How a training example is cut from a photo."""

import dataclasses
from collections.abc import Callable
from typing import Protocol

import numpy as np
from ml_collections import ConfigDict

from hcfss_jax.texts import hashed
from train.drawn import draw
from train.example import Checked, Example, recipe_fields
from train.masks import draw_mask
from train.named import choose

_UNTOLD = 0.25  # the share of crops with a caption that are shown without


class Recipe(Protocol):
    """From a photo, and random numbers that are the example's own, to an example; pickled into worker processes."""

    def __call__(self, photo: np.ndarray, rng: np.random.Generator) -> Example:
        """Photo uint8 `[H, W, 3]` -> what `train.example` says that a recipe makes.

        One that makes texts may take a third argument, `caption`: what the source knows that is said of the photo.
        """
        ...


@dataclasses.dataclass(frozen=True)
class CropRecipe:
    """A random crop, flipped half of the time, at a random rate level.

    size: side of the crop, pixels. levels: number of rate levels, one drawn for each crop.
    half_size_probability: how often the crop is cut twice as large and averaged 2x2, which shows
    the model sharper detail and takes the traces of earlier compression away. drawn: the share of
    crops in whose place a picture that no camera takes is drawn (`train.drawn`). masked: with a mask
    (`train.masks`), which is drawn last: the rest is what it would be without. text_numbers: of the embedding of the
    caption (`hcfss_jax.texts.hashed`), where there is to be one; zeros in one of four crops, and where a crop is drawn,
    so that the model serves pictures of which nothing is said.
    """

    size: int
    levels: int
    half_size_probability: float = 0.0
    drawn: float = 0.0
    masked: bool = False
    text_numbers: int = 0

    def __call__(self, photo: np.ndarray, rng: np.random.Generator, caption: str = "") -> Example:
        """Photo uint8 `[H, W, 3]` -> an example."""
        image = pad_to(photo, self.size)
        halved = rng.random() < self.half_size_probability
        side = 2 * self.size if halved and min(image.shape[:2]) >= 2 * self.size else self.size
        top = rng.integers(image.shape[0] - side + 1)
        left = rng.integers(image.shape[1] - side + 1)
        image = image[top : top + side, left : left + side]
        if side > self.size:
            image = _average_2x2(image)
        if rng.random() < 0.5:
            image = image[:, ::-1]
        if self.drawn and rng.random() < self.drawn:
            image, caption = draw(self.size, rng, image), ""
        example = {
            "image": np.ascontiguousarray(image),
            "level": np.asarray(rng.integers(self.levels), np.float32),
            "noise": np.asarray(rng.integers(2**32), np.uint32),
        }
        if self.masked:
            example["mask"] = draw_mask(self.size, rng)
        if self.text_numbers:
            told = caption if rng.random() >= _UNTOLD else ""
            example["text"] = hashed(told, self.text_numbers)
        return example


def crops(config: ConfigDict) -> CropRecipe:
    """The recipe that `config.data` says."""
    data, given = config.data, dict(config.data.given)
    sizes = config.crop, len(config.lambdas), data.half_size_probability, data.drawn
    return CropRecipe(*sizes, "mask" in given, given.get("text", 0))


RECIPES: dict[str, Callable[[ConfigDict], Recipe]] = {"crops": crops}


def build_recipe(config: ConfigDict) -> Recipe:
    """What `config.data.recipe` names, "crops" or a function of the experiment, held to `train.example`.

    Raises BadConfig; so does the recipe, for an example of other fields.
    """
    recipe = choose("data.recipe", config.data.recipe, RECIPES)(config)
    return Checked(recipe, recipe_fields(config))


def pad_to(photo: np.ndarray, size: int) -> np.ndarray:
    """`photo` mirrored at its right and bottom edges until both sides are at least `size`."""
    height, width = photo.shape[:2]
    if height >= size and width >= size:
        return photo
    below, right = max(0, size - height), max(0, size - width)
    return np.pad(photo, ((0, below), (0, right), (0, 0)), "symmetric")


def centre_crop(photo: np.ndarray, size: int) -> np.ndarray:
    """The middle uint8 `[size, size, 3]` of a photo, mirrored first where it is smaller."""
    photo = pad_to(photo, size)
    top, left = (photo.shape[0] - size) // 2, (photo.shape[1] - size) // 2
    return photo[top : top + size, left : left + size]


def _average_2x2(image: np.ndarray) -> np.ndarray:
    """uint8 `[2H, 2W, 3]` -> uint8 `[H, W, 3]`, rounded."""
    pairs = image.astype(np.uint16)
    total = pairs[0::2, 0::2] + pairs[1::2, 0::2] + pairs[0::2, 1::2] + pairs[1::2, 1::2]
    return ((total + 2) // 4).astype(np.uint8)
