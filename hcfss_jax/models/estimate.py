"""What a model makes of pictures, and what it says that they cost: many at once, no files.

The figures are those of whole files but for the file's own bytes, the range coder's loss, and the order of sums.
"""

import contextlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from hcfss_jax.coding.buckets import whole_positions
from hcfss_jax.entropy.plan import Step
from hcfss_jax.entropy.steps import rounding, run_steps
from hcfss_jax.layers.area import inside, only_within
from hcfss_jax.layers.checks import check_areas, check_levels, check_pixels
from hcfss_jax.models.skeleton import CompressionModel
from hcfss_jax.pictures.pixels import to_floats, to_pixels


class Estimate(NamedTuple):
    """x_hat: uint8 `[B, H, W, 3]`. bits: of all latents, float32 `[B]`."""

    x_hat: jax.Array
    bits: jax.Array


def estimate(
    model: CompressionModel, variables: Any, rgb: jax.Array, areas: jax.Array, levels: jax.Array
) -> Estimate:
    """Pictures of several sizes in arrays of one size. To be called within a compiled function.

    Args:
      model: one that is `paddable`; of others, pictures that fill their arrays but for less than `multiple` pixels.
      variables: of the model.
      rgb: uint8 `[B, H, W, 3]`, sides as the model takes them, pictures at the top left, their borders repeated beyond.
      areas: int `[B, 2]`, height and width of each picture.
      levels: float `[B]`, quality - 1 of each.

    Raises InvalidInput for arrays of other types or shapes.
    """
    check_pixels(model, rgb, model.multiple)
    check_areas(model, areas, len(rgb))
    check_levels(model, levels, len(rgb), model.config.levels)
    height, width = rgb.shape[1:3]

    def of_one(rgb: jax.Array, area: jax.Array, level: jax.Array) -> Estimate:
        height_seen, width_seen = area
        seen = jnp.stack(whole_positions(height_seen, width_seen, model.multiple))
        with only_within(seen, (height, width)) if model.paddable else contextlib.nullcontext():
            x = to_floats(rgb[None])
            return Estimate(*model.apply(variables, x, level[None], area, method=_pass))

    return jax.vmap(of_one)(rgb, areas, levels)


def _pass(
    model: CompressionModel, x: jax.Array, level: jax.Array, area: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """One picture, a batch of one."""

    def sent(step: Step, part: jax.Array) -> jax.Array:
        return inside(part, jnp.stack(step.area(*area)))

    latents = model.analyse(x, level)
    decoded, bits = run_steps(model, level, rounding(model.plan, latents, sent))
    pixels = to_pixels(model.synthesise(decoded, level)[0])
    return pixels, sum(bits[1:], start=bits[0])[0]
