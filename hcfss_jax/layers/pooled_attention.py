"""Attention to the means of windows: what a map holds at low frequencies, at a price that maps can pay."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.ops.attention import attend
from hcfss_jax.ops.windows import pad_to_windows, partition


class PooledAttention(nn.Module):
    """Every position attends to the means of all windows of the map, to `features` channels.

    The low-frequency half of HiLo attention (Pan et al. 2022, arXiv 2205.13213), without a bias for positions. A map of
    N positions makes N^2 / window^2 scores a head. Where they are many, queries take turns in a loop, which computes
    its scores again for the gradient; so memory grows with N. Compiled for a CPU, a SaSA of 40 channels takes 755 MiB
    for a map of 1024x1024, and 131,409 without turns.
    """

    beyond = Beyond.TOLD

    head_dim: int = 20
    window: int = 8
    """Positions a side of what is averaged. In windows that the map does not fill, those that there are."""
    features: int | None = None
    """Channels that come out, a multiple of head_dim; None for those that went in."""
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: jax.Array, valid: jax.Array | None = None) -> jax.Array:
        """`[B, H, W, C]` to `[B, H, W, features]`. valid: bool `[H, W]`, the positions that are seen."""
        features = self.features or x.shape[-1]
        check_map(self, x, 1 if self.features else self.head_dim, "head_dim")
        tokens, seen = self._pool(x, valid)
        batch, height, width, _ = x.shape
        query = nn.Dense(features, name="query", dtype=self.dtype)(x)
        key_value = nn.Dense(2 * features, name="key_value", dtype=self.dtype)(tokens)
        heads = (features // self.head_dim, self.head_dim)
        query = query.reshape(batch, height * width, *heads)
        key, value = (half.reshape(batch, -1, *heads) for half in jnp.split(key_value, 2, axis=-1))
        y = attend(query, key, value, seen).reshape(batch, height, width, features)
        return nn.Dense(features, name="out", dtype=self.dtype)(y)

    def _pool(self, x: jax.Array, valid: jax.Array | None) -> tuple[jax.Array, jax.Array | None]:
        """Means of the windows `[B, windows, C]`, and which windows hold anything, bool `[windows]`; None for all."""
        height, width, channels = x.shape[1:]
        if valid is None and height % self.window == 0 and width % self.window == 0:
            means = jnp.mean(partition(x, self.window), axis=(3, 4))
            return means.reshape(len(x), -1, channels), None
        counts = jnp.ones((height, width), bool) if valid is None else valid
        short = ((0, -height % self.window), (0, -width % self.window))
        counts = partition(jnp.pad(counts, short)[None, ..., None], self.window)
        windows = partition(pad_to_windows(x, self.window), self.window)
        sums = jnp.sum(jnp.where(counts, windows, 0), axis=(3, 4))
        how_many = jnp.sum(counts, axis=(3, 4), dtype=x.dtype)
        means = (sums / jnp.maximum(how_many, 1)).reshape(len(x), -1, channels)
        return means, how_many.ravel() > 0
