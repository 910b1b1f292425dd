"""The rate-distortion loss of one model over all rate levels."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp


def rate_distortion_loss(
    out: Any, x: jax.Array, lambdas: jax.Array, importance: jax.Array | float = 1.0
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Mean over the batch of importance * (bpp + lambda * 255^2 * MSE) (Balle et al. 2018, section 2).

    out: a model's output, `x_hat` `[B, H, W, 3]`, `bits_y` and `bits_z` `[B]`.
    x: `[B, H, W, 3]` in [0, 1]. lambdas: `[B]`, the distortion weight of each image's rate level.
    importance: `[B]`, what each image counts.
    Returns the loss and its parts, means over the batch: bpp, bpp_z and psnr (dB, unrounded).
    """
    pixels = x.shape[1] * x.shape[2]
    bpp = (out.bits_y + out.bits_z) / pixels
    mse = mean_squared_error(out.x_hat, x)
    loss = jnp.mean(importance * (bpp + lambdas * 255.0**2 * mse))
    return loss, {
        "loss": loss,
        "bpp": jnp.mean(bpp),
        "bpp_z": jnp.mean(out.bits_z) / pixels,
        "psnr": jnp.mean(psnr(mse)),
    }


def level_importance(lambdas: Sequence[float], balance: float) -> jax.Array:
    """What an image of each rate level counts: lambda^-balance, 1 at the levels' geometric mean.

    The loss of a level grows with its lambda, so that with balance 0 the highest rates decide what the shared weights
    learn. At 1/2 all levels weigh about alike. Our choice; a paper that trains one rate at a time has none to make.
    """
    log_lambda = jnp.log(jnp.asarray(lambdas, jnp.float32))
    return jnp.exp(balance * (jnp.mean(log_lambda) - log_lambda))


def mean_squared_error(x_hat: jax.Array, x: jax.Array) -> jax.Array:
    """Mean squared error of each image: two `[B, H, W, C]` -> float32 `[B]`."""
    return jnp.mean(jnp.square(x_hat.astype(jnp.float32) - x), axis=(1, 2, 3))


def psnr(mse: jax.Array) -> jax.Array:
    """Peak signal to noise ratio in dB for images in [0, 1]; at most 100 dB."""
    return -10.0 * jnp.log10(jnp.maximum(mse, 1e-10))
