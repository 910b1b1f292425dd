"""Rate and distortion on held-out images, with real rounding and the averaged parameters."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from train.data import centre_crop
from train.flat import FlatLayout
from train.images import Photos
from train.loss import mean_squared_error, psnr

_BATCH = 2  # small, for a CPU; every shape is compiled once


def make_validation(
    model: Any,
    layout: FlatLayout,
    photos: Photos,
    crop: int,
    levels: Sequence[int],
    lambdas: Sequence[float],
) -> Callable[[jax.Array], dict[str, float]]:
    """The function params `[n]` -> figures, each the mean over the photos' centre crops.

    For each level: `bpp_L`, estimated bits per pixel, and `psnr_L`, dB on rounded and clipped
    pixels. `loss` is the mean over the levels of bpp + lambda * 255^2 * MSE.
    """
    images = np.stack([centre_crop(photo, crop) for photo in photos.images])

    @jax.jit
    def measure(
        params: jax.Array, image: jax.Array, level: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        x = image.astype(jnp.float32) / 255.0
        out = model.apply({"params": layout.unravel(params)}, x, level, method="evaluate")
        shown = jnp.round(jnp.clip(out.x_hat, 0.0, 1.0) * 255.0) / 255.0
        return (out.bits_y + out.bits_z) / crop**2, mean_squared_error(shown, x)

    def at_level(params: jax.Array, level: int) -> tuple[np.ndarray, np.ndarray]:
        parts = []
        for start in range(0, len(images), _BATCH):
            chosen = np.arange(start, start + _BATCH) % len(images)
            whole = np.full(_BATCH, level, np.float32)
            parts.append(measure(params, images[chosen], whole))
        bpp, mse = (np.concatenate(column)[: len(images)] for column in zip(*parts, strict=True))
        return bpp, mse

    def validate(params: jax.Array) -> dict[str, float]:
        figures: dict[str, float] = {}
        losses = []
        for level in levels:
            bpp, mse = at_level(params, level)
            losses.append(np.mean(bpp + lambdas[level] * 255.0**2 * mse))
            figures[f"bpp_{level}"] = float(np.mean(bpp))
            figures[f"psnr_{level}"] = float(np.mean(psnr(jnp.asarray(mse))))
        return {"loss": float(np.mean(losses)), **figures}

    return validate
