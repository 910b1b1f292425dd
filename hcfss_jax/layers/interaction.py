"""Two branches that weigh each other, one by channels and one by positions, and the two contexts that S2LIC makes so.

Of S2LIC (Wang et al., arXiv 2403.14471) the figure of the contexts is public, and their code is not. The figure draws
the interaction of the Dual Aggregation Transformer (Chen et al. 2023, arXiv 2308.03364), whose code says the widths
inside. Its batch norms are folded into the convolutions before them. The 1x1 at the end, which gives a context its
width, is our reading. Contexts decide what is coded, so everything is float32.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.convolution import DepthwiseConv, conv
from hcfss_jax.layers.deformable_attention import DeformableAttention
from hcfss_jax.layers.numerics import PYTORCH


class SpatialMap(nn.Module):
    """A weight in (0, 1) for each position: 1x1 to C / 16, GELU, 1x1. `[B, H, W, C]` to `[B, H, W, 1]`."""

    beyond = Beyond.ANYTHING

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x)
        y = PYTORCH.gelu(conv(max(x.shape[-1] // 16, 1), 1, name="squeeze")(x))
        return nn.sigmoid(conv(1, 1, name="excite")(y))


class ChannelMap(nn.Module):
    """A weight in (0, 1) for each channel: the mean over the map, 1x1 to C / 8, GELU, 1x1.

    `[B, H, W, C]` to `[B, 1, 1, C]`.
    """

    beyond = Beyond.TOLD

    @nn.compact
    def __call__(self, x: jax.Array, valid: jax.Array | None = None) -> jax.Array:
        """valid: bool `[H, W]`, what the mean is of."""
        check_map(self, x)
        channels = x.shape[-1]
        where = None if valid is None else valid[None, ..., None]
        y = jnp.mean(x, axis=(1, 2), keepdims=True, where=where)
        y = PYTORCH.gelu(nn.Dense(max(channels // 8, 1), name="squeeze")(y))
        return nn.sigmoid(nn.Dense(channels, name="excite")(y))


class ChannelContext(nn.Module):
    """AC, the channel-wise context of S2LIC. `[B, H, W, C]` to `[B, H, W, features]`.

    a = GELU(3x3(GELU(3x3(x))));   b = GELU(depthwise 3x3(x));   1x1(a * SpatialMap(b) + b * ChannelMap(a))
    """

    beyond = Beyond.ANYTHING

    features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x)
        a = x
        for name in ("conv1", "conv2"):
            a = PYTORCH.gelu(conv(x.shape[-1], name=name)(a))
        b = PYTORCH.gelu(DepthwiseConv(name="depthwise")(x))
        y = a * SpatialMap(name="spatial_map")(b) + b * ChannelMap(name="channel_map")(a)
        return conv(self.features, 1, name="out")(y)


class GlobalContext(nn.Module):
    """AG, the global context of S2LIC. `[B, H, W, C]` to `[B, H, W, features]`; C is a multiple of head_dim.

    a = 5x5(deformable attention(x));   b = GELU(depthwise 3x3(x));   1x1(a * ChannelMap(b) + b * SpatialMap(a))
    """

    beyond = Beyond.ANYTHING

    features: int
    head_dim: int = 32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x, self.head_dim, "head_dim")
        a = DeformableAttention(self.head_dim, name="attention")(x)
        a = conv(x.shape[-1], 5, name="conv")(a)
        b = PYTORCH.gelu(DepthwiseConv(name="depthwise")(x))
        y = a * ChannelMap(name="channel_map")(b) + b * SpatialMap(name="spatial_map")(a)
        return conv(self.features, 1, name="out")(y)
