"""What the encoder is given beside a picture, from what people hand over to arrays of a tile's size."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hcfss_jax.codec.tiles import Tile
from hcfss_jax.errors import InvalidInput
from hcfss_jax.models.registry import models_that_take
from hcfss_jax.models.side_inputs import SIDE_INPUTS
from hcfss_jax.pictures.mask import mask_of_size
from hcfss_jax.texts import TEXT_NUMBERS, hashed

LARGEST_NUMBER = 1000
"""Of an embedding; beyond, a model would make of a picture what nobody asked for."""

SideInputs = Mapping[str, np.ndarray]
"""mask: float32 `[H, W]`, of the whole picture. text: float32 `[768]`."""


def read_side_inputs(
    model: Any, name: str, given: Mapping[str, Any], height: int, width: int
) -> SideInputs:
    """Those that are given for a picture, by name; None stands for nothing, as does a name that is not there.

    model, name: which has to take them. given: "mask", what `read_mask` takes; "text", an embedding `[768]`,
    or a text, of which `texts.hashed` makes one.
    Raises InvalidInput for what the model does not take or cannot be, and what `read_image` raises for a mask.
    """
    read = {"mask": lambda source: mask_of_size(source, height, width), "text": _text}
    found = {}
    for kind, source in given.items():
        if kind not in SIDE_INPUTS:
            raise InvalidInput(f"{kind!r} is no side input: there are {', '.join(SIDE_INPUTS)}")
        if source is None:
            continue
        if kind not in getattr(model, "takes", ()):
            raise InvalidInput(
                f"{name} takes no {kind} beside a picture; of the models here {', '.join(models_that_take(kind))} do"
            )
        found[kind] = read[kind](source)
    return found


def side_inputs_of(given: SideInputs, tile: Tile, size: tuple[int, int]) -> SideInputs:
    """The part of a tile, a batch of one, in arrays of height and width `size`: beyond the picture nothing is of
    interest."""
    found = {kind: values[None] for kind, values in given.items()}
    if "mask" in given:
        mask = tile.of(given["mask"])
        room = [(0, whole - side) for whole, side in zip(size, mask.shape, strict=True)]
        found["mask"] = np.pad(mask, room)[None, ..., None]
    return found


def _text(source: Any) -> np.ndarray:
    if isinstance(source, str):
        return hashed(source)
    embedding = np.asarray(source)
    if embedding.shape != (TEXT_NUMBERS,) or not np.issubdtype(embedding.dtype, np.floating):
        raise InvalidInput(
            f"a text is a string or {TEXT_NUMBERS} floats, not {embedding.dtype} {list(embedding.shape)}"
        )
    if not np.all(np.abs(embedding) <= LARGEST_NUMBER):
        raise InvalidInput(
            f"the numbers of a text lie within {LARGEST_NUMBER} (those of encoders about 1), and these do not"
        )
    return embedding.astype(np.float32)
