"""The model of docs/example, which compiles in a second, pictures for it, and the batches that they make."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from docs.example.blockcodec.model import create
from hcfss_jax.evaluation import batch_of
from hcfss_jax.layers.area import example
from tests.small_model import photo

FACTORY = "docs.example.blockcodec.model:create"
SIZES = ((168, 170), (40, 60), (176, 176), (168, 176), (35, 60), (170, 169))
LEVELS = (0.0, 5.0)


@functools.cache
def model() -> Any:
    """One object, so that compiled functions are shared."""
    return create("block")


@functools.cache
def variables() -> dict[str, Any]:
    """Random ones."""
    return jax.jit(model().init)(jax.random.key(0), *example(model()))


def pictures() -> list[np.ndarray]:
    """uint8 `[H, W, 3]`."""
    return [photo(*size, seed) for seed, size in enumerate(SIZES)]


def batches(pictures: Sequence[np.ndarray], at_a_time: int = 3) -> list[dict[str, np.ndarray]]:
    """Of each picture at each level, in arrays of two sizes, the last of each not filled up."""
    made = []
    for side, fits in ((176, lambda rgb: len(rgb) > 64), (64, lambda rgb: len(rgb) <= 64)):
        items = [(rgb, level) for rgb in pictures if fits(rgb) for level in LEVELS]
        for start in range(0, len(items), at_a_time):
            made.append(batch_of(items[start : start + at_a_time], (side, side)))
    return made
