"""Attention to the means of windows: what a map holds at low frequencies, at a price that maps can pay."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.ops.windows import pad_to_windows, partition

LARGEST_SCORES = 2**24
"""Scores held at once, over the batch and all heads, 64 MiB of float32: beyond it queries take turns."""


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


def attend(
    query: jax.Array, key: jax.Array, value: jax.Array, seen: jax.Array | None = None
) -> jax.Array:
    """Scaled dot products (Vaswani et al. 2017) of queries `[B, N, heads, D]` with keys and values `[B, T, heads, D]`.

    seen: bool `[T]`, what may be attended to. Queries take turns where there are more than LARGEST_SCORES scores.
    """
    batch, count, heads, _ = query.shape
    at_once = max(1, LARGEST_SCORES // (batch * heads * key.shape[1]))
    if count <= at_once:
        return _attend(query, key, value, seen)
    turns = -(-count // at_once)
    at_once = -(-count // turns)
    query = jnp.pad(query, ((0, 0), (0, turns * at_once - count), (0, 0), (0, 0)))
    parts = query.reshape(batch, turns, at_once, *query.shape[2:]).swapaxes(0, 1)
    again = jax.checkpoint(functools.partial(_attend, key=key, value=value, seen=seen))
    y = lax.map(again, parts).swapaxes(0, 1)
    return y.reshape(batch, turns * at_once, *y.shape[3:])[:, :count]


def _attend(
    query: jax.Array, key: jax.Array, value: jax.Array, seen: jax.Array | None
) -> jax.Array:
    scores = jnp.einsum("bnhd,bthd->bhnt", query, key).astype(jnp.float32)
    scores = scores * np.float32(query.shape[-1] ** -0.5)
    if seen is not None:
        scores = jnp.where(seen[None, None, None], scores, -1e9)
    return jnp.einsum("bhnt,bthd->bnhd", nn.softmax(scores).astype(value.dtype), value)
