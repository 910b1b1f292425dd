"""The squared error weighed by a mask: what is of interest counts as its level says, and the rest less."""

import jax
import jax.numpy as jnp

from hcfss_jax.weights.tradeoff import weights_of_mask
from train.loss import Figures, psnr


def region_error(
    x_hat: jax.Array, x: jax.Array, mask: jax.Array, ratio: float
) -> tuple[jax.Array, Figures]:
    """255^2 times the weighed mean squared error of each image `[B]`; and figures in dB.

    x_hat, x: `[B, H, W, 3]` in [0, 1]. mask: `[B, H, W, 1]`. The figures: psnr of each image `[B]`; region_psnr and
    background_psnr, of all that lies inside of the masks of the batch, and outside.
    """
    error = jnp.square(x_hat.astype(jnp.float32) - x)
    weighed = jnp.mean(weights_of_mask(mask, ratio) * error, axis=(1, 2, 3))
    figures = {"psnr": psnr(jnp.mean(error, axis=(1, 2, 3)))}
    for name, share in (("region_psnr", mask), ("background_psnr", 1 - mask)):
        total = jnp.sum(share) * error.shape[-1]
        figures[name] = psnr(jnp.sum(share * error) / jnp.maximum(total, 1))
    return 255.0**2 * weighed, figures
