"""The mean over a map, of which padding is no part."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map


class MapMean(nn.Module):
    """The mean of each channel over all positions. No parameters."""

    beyond = Beyond.TOLD

    @nn.compact
    def __call__(self, x: jax.Array, valid: jax.Array | None = None) -> jax.Array:
        """`[B, H, W, C]` to `[B, 1, 1, C]`. valid: bool `[H, W]`, the positions that count."""
        check_map(self, x)
        if valid is None:
            return jnp.mean(x, axis=(1, 2), keepdims=True)
        within = jnp.broadcast_to(valid[None, ..., None], x.shape)
        return jnp.mean(x, axis=(1, 2), keepdims=True, where=within)
