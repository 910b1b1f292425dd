"""What an encoder may be given beside the picture: names, shapes, and what stands for none.

A model says by `takes` which of them it takes. No decoder sees any; what it has to know of them is sent as a latent.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from hcfss_jax.errors import InvalidInput
from hcfss_jax.layers.checks import check_float
from hcfss_jax.texts.embedding import TEXT_NUMBERS

SIDE_INPUTS = ("mask", "text")
"""mask: how much each pixel is of interest, float32 `[B, H, W, 1]` in [0, 1]; none given: all are. text: what is said
of the picture, as an embedding, float32 `[B, 768]`; zeros, or none given: nothing is."""


def mask_of(model: Any, given: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """The mask of images `[B, H, W, 3]`, 1 where none is given. Raises InvalidInput for one of other sides."""
    mask = given.get("mask")
    if mask is None:
        return jnp.ones_like(x[..., :1])
    if mask.shape != (*x.shape[:3], 1):
        raise InvalidInput(
            f"{type(model).__name__} takes a mask of its images, {[*x.shape[:3], 1]}, not {list(mask.shape)}"
        )
    check_float(model, mask)
    return mask


def text_of(model: Any, given: Mapping[str, jax.Array], x: jax.Array) -> jax.Array | None:
    """The embeddings `[B, 768]` of images; None where none are given. Raises InvalidInput for others."""
    text = given.get("text")
    if text is None:
        return None
    if text.shape != (len(x), TEXT_NUMBERS):
        raise InvalidInput(
            f"{type(model).__name__} takes an embedding of each of {len(x)} texts, "
            f"[{len(x)}, {TEXT_NUMBERS}], not {list(text.shape)}"
        )
    check_float(model, text)
    return text
