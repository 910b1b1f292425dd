"""Window attention (W-MSA, SW-MSA) and the Swin block around it (Liu et al. 2021)."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.convolution import LECUN, SILENT, Initializer
from hcfss_jax.layers.drop_path import along_branch
from hcfss_jax.layers.mlp import MLP
from hcfss_jax.layers.numerics import FLAX, Numerics
from hcfss_jax.ops.windows import attention_regions, merge, pad_to_windows, partition


class WindowAttention(nn.Module):
    """Multi-head attention inside windows, with a learned bias for each relative position if nothing else is said.

    With `shifted` the windows lie half a window further (SW-MSA). Maps of any size: what is added to fill the last
    windows is never attended to.
    """

    beyond = Beyond.TOLD

    head_dim: int = 16
    window: int = 8
    shifted: bool = False
    dtype: DTypeLike | None = None
    features: int | None = None
    """Channels that come out, a multiple of head_dim; None for those that went in."""
    bias: bool = True
    """Whether there is a bias for each relative position."""
    out_init: Initializer = LECUN
    """Of the last kernel."""

    @nn.compact
    def __call__(self, x: jax.Array, valid: jax.Array | None = None) -> jax.Array:
        """`[B, H, W, C]` to `[B, H, W, features]`. valid: bool `[H, W]`, what may be attended to."""
        check_map(self, x, 1 if self.features else self.head_dim, "head_dim")
        height, width, channels = x.shape[1:]
        shift = self.window // 2 if self.shifted else 0
        regions: Any = attention_regions(height, width, self.window, shift)
        if valid is not None:
            kept = self._windows(valid[None, ..., None], shift)[0, ..., 0]
            regions = jnp.where(kept.reshape(regions.shape), regions, -1)
        x = self._windows(x, shift)
        shape, x = x.shape[:-1], x.reshape(x.shape[0], -1, self.window**2, channels)
        x = self._attend(x, regions).reshape(*shape, -1)
        x = jnp.roll(merge(x), (shift, shift), axis=(1, 2))
        return x[:, :height, :width]

    def _windows(self, x: jax.Array, shift: int) -> jax.Array:
        x = pad_to_windows(x, self.window)
        return partition(jnp.roll(x, (-shift, -shift), axis=(1, 2)), self.window)

    def _attend(self, x: jax.Array, regions: Any) -> jax.Array:
        """Attention among the pixels of each window: x `[B, windows, pixels, C]`."""
        channels = self.features or x.shape[-1]
        heads = channels // self.head_dim
        q, k, v = self.projected(x, heads)
        scores = self.scores(q, k)
        apart = (regions[:, :, None] != regions[:, None, :])[None, :, None]
        if not isinstance(apart, np.ndarray) or apart.any():
            scores = jnp.where(apart, -1e9, scores)
        weights = nn.softmax(scores).astype(v.dtype)
        y = jnp.einsum("bwhij,bwjhd->bwihd", weights, v)
        out = nn.DenseGeneral(
            channels, (-2, -1), name="out", dtype=self.dtype, kernel_init=self.out_init
        )
        return out(y)

    def projected(self, x: jax.Array, heads: int) -> tuple[jax.Array, ...]:
        """Queries, keys and values `[B, windows, pixels, heads, head_dim]` of x `[B, windows, pixels, C]`."""
        qkv = nn.DenseGeneral((3, heads, self.head_dim), name="qkv", dtype=self.dtype)(x)
        return tuple(qkv[..., i, :, :] for i in range(3))

    def scores(self, q: jax.Array, k: jax.Array) -> jax.Array:
        """How well each query of a window fits each of its keys, float32 `[B, windows, heads, pixels, pixels]`."""
        scores = jnp.einsum("bwihd,bwjhd->bwhij", q, k)
        scores = scores.astype(jnp.float32) * self.head_dim**-0.5
        return scores + self._position_bias(q.shape[-2]) if self.bias else scores

    def _position_bias(self, heads: int) -> jax.Array:
        """`[1, 1, heads, pixels, pixels]`, looked up by the offset between two pixels."""
        side = 2 * self.window - 1
        normal = nn.initializers.normal(0.02)
        table = self.param("position_bias", normal, (side * side, heads), jnp.float32)
        return self.by_pairs(table)

    def by_pairs(self, table: jax.Array) -> jax.Array:
        """A table `[(2 window - 1)^2, heads]` of offsets, row by row, as `[1, 1, heads, pixels, pixels]`."""
        side = 2 * self.window - 1
        y, x = np.divmod(np.arange(self.window**2), self.window)
        offset = (y[:, None] - y + self.window - 1) * side + x[:, None] - x + self.window - 1
        return table[offset].transpose(2, 0, 1)[None, None]


class SwinBlock(nn.Module):
    """x + attention(LN x), then x + MLP(LN x). `[B, H, W, C]` to the same."""

    beyond = Beyond.ANYTHING

    head_dim: int = 16
    window: int = 8
    shifted: bool = False
    mlp_ratio: int = 4
    dtype: DTypeLike | None = None
    numerics: Numerics = FLAX
    silent: bool = False
    """Start as the skip: with 0 as the last kernel of either branch."""

    @nn.compact
    def __call__(self, x: jax.Array, kept: jax.Array | None = None) -> jax.Array:
        """kept: `[B]`, see `drop_path`; None for 1."""
        check_map(self, x, self.head_dim, "head_dim")
        start = SILENT if self.silent else LECUN
        attention = WindowAttention(
            self.head_dim,
            self.window,
            self.shifted,
            name="attention",
            dtype=self.dtype,
            out_init=start,
        )
        x = x + along_branch(kept, attention(self.numerics.layer_norm("norm1", self.dtype)(x)))
        mlp = MLP(self.mlp_ratio * x.shape[-1], self.dtype, self.numerics, start, name="mlp")
        return x + along_branch(kept, mlp(self.numerics.layer_norm("norm2", self.dtype)(x)))
