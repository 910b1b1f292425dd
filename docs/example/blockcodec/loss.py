"""A loss term, and a net that it asks and nobody trains."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from hcfss_jax.models import Output
from train.objective import Batch, Figures, Objective, rate_distortion


def edges(output: Output, batch: Batch, step: jax.Array, frozen: Any) -> tuple[jax.Array, Figures]:
    """Of each image `[B]`: the squared error of its slopes, as the filters of `frozen` find them, in 8-bit steps."""
    error = jnp.mean(output.x_hat - batch["image"], axis=-1, keepdims=True)
    slopes = jax.lax.conv_general_dilated(
        error, frozen["slopes"], (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    value = 255.0**2 * jnp.mean(jnp.square(slopes), axis=(1, 2, 3))
    return value, {"edges": value}


def with_edges(config: ConfigDict) -> Objective:
    """Rate and distortion as ever, and `config.edges` times the term above."""
    usual = rate_distortion(config)
    across = np.outer([1, 2, 1], [-1, 0, 1]).astype(np.float32) / 8
    slopes = np.stack([across, across.T], axis=-1)[:, :, None]  # [3, 3, 1, 2]
    return dataclasses.replace(
        usual, terms=(*usual.terms, (config.edges, edges)), frozen={"slopes": slopes}
    )
