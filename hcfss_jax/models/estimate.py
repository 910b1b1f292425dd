"""What a model makes of pictures, and what it says that they cost: many at once, no files.

The figures are those of whole files but for the file's own bytes, the range coder's loss, and the order of sums.
"""

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from hcfss_jax.coding.buckets import whole_positions
from hcfss_jax.entropy.gaussian import gaussian_bits
from hcfss_jax.entropy.steps import Prediction, run_steps
from hcfss_jax.layers.area import inside, only_within
from hcfss_jax.layers.checks import check_areas, check_levels, check_pixels
from hcfss_jax.models.skeleton import Y_STRIDE, Z_STRIDE, CompressionModel


class Estimate(NamedTuple):
    """x_hat: uint8 `[B, H, W, 3]`. bits: of z and y, float32 `[B]`."""

    x_hat: jax.Array
    bits: jax.Array


def estimate(
    model: CompressionModel, variables: Any, rgb: jax.Array, areas: jax.Array, levels: jax.Array
) -> Estimate:
    """Pictures of several sizes in arrays of one size. To be called within a compiled function.

    Args:
      model: one that is `paddable`; of others, pictures that fill their arrays but for less than 64 pixels a side.
      variables: of the model.
      rgb: uint8 `[B, H, W, 3]`, H and W multiples of 64, pictures at the top left, their borders repeated beyond.
      areas: int `[B, 2]`, height and width of each picture.
      levels: float `[B]`, quality - 1 of each.

    Raises InvalidInput for arrays of other types or shapes.
    """
    check_pixels(model, rgb, Z_STRIDE)
    check_areas(model, areas, len(rgb))
    check_levels(model, levels, len(rgb), model.config.levels)
    height, width = rgb.shape[1:3]

    def of_one(rgb: jax.Array, area: jax.Array, level: jax.Array) -> Estimate:
        seen = jnp.stack(whole_positions(*area))
        with only_within(seen, (height, width)) if model.paddable else contextlib.nullcontext():
            x = rgb[None].astype(jnp.float32) / 255
            return Estimate(*model.apply(variables, x, level[None], area, method=_pass))

    return jax.vmap(of_one)(rgb, areas, levels)


def _pass(
    model: CompressionModel, x: jax.Array, level: jax.Array, area: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """One picture, a batch of one. Beyond it the latents are what is predicted, and cost nothing."""
    y, z = model.analyse(x, level)
    sent = inside(z, -(-area // Z_STRIDE))
    z_hat = jnp.where(sent, jnp.round(z), 0)
    bits_z = jnp.sum(jnp.where(sent, model.prior_bits(z_hat), 0))
    quantise = _rounding_within(model.split(y), -(-area // Y_STRIDE))
    hyper = model.hyper(z_hat, level)
    decoded, bits_y = run_steps(model.coding_steps, model.predict, model.refine, quantise, hyper)
    pixels = jnp.round(255 * jnp.clip(model.synthesise(decoded, level)[0], 0, 1))
    return pixels.astype(jnp.uint8), sum(bits_y, start=bits_z)


def _rounding_within(
    parts: list[jax.Array], area: jax.Array
) -> Callable[[int, Prediction], tuple[jax.Array, jax.Array]]:
    def quantise(step: int, prediction: Prediction) -> tuple[jax.Array, jax.Array]:
        within = inside(parts[step], area)
        q = jnp.where(within, jnp.round(parts[step] - prediction.mean), 0)
        bits = jnp.where(within, gaussian_bits(q, prediction.log_scale), 0)
        return q + prediction.mean, jnp.sum(bits)

    return quantise
