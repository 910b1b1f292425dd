"""The picture that comes out worst."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from train.evaluators import Evaluator, Found


def worst(config: ConfigDict, model: Any) -> Evaluator:
    """The least PSNR among the held-out photos, in dB, at the highest level."""
    evaluate = jax.jit(functools.partial(model.apply, method="evaluate"))

    def find(params: Any, photos: np.ndarray) -> Found:
        x = photos.astype(np.float32) / 255
        level = np.full(len(x), model.config.levels - 1, np.float32)
        error = jnp.square(jnp.clip(evaluate({"params": params}, x, level).x_hat, 0, 1) - x)
        mse = float(jnp.max(jnp.mean(error, axis=(1, 2, 3))))
        return Found({"psnr_worst": -10 * float(np.log10(mse))})

    return find
