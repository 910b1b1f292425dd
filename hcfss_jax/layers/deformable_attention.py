"""Deformable attention over a whole map (DAT, Xia et al. 2022, arXiv 2201.00520)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.convolution import DepthwiseConv, conv
from hcfss_jax.layers.numerics import PYTORCH
from hcfss_jax.ops import read_nearby
from hcfss_jax.ops.attention import attend


class DeformableAttention(nn.Module):
    """Every position attends to as many samples of the map as it has positions, each of which lies where it likes.

        q = 1x1(x);   offsets = 1x1(GELU(LN(depthwise 5x5(q))));   s = x at each position + 1/2 + tanh(offset)
        softmax over all samples of q . k / sqrt(head_dim), k = 1x1(s), v = 1x1(s);   1x1

    The 1/2 is the authors': their grid lies in the middle of pixels, and their sampling counts from the first pixel's
    own. One group of offsets, no position bias. Used where coding decides, so everything is float32. `[B, H, W, C]` to
    the same; time grows with the square of H W.
    """

    beyond = Beyond.TOLD

    head_dim: int = 32

    @nn.compact
    def __call__(self, x: jax.Array, valid: jax.Array | None = None) -> jax.Array:
        """valid: bool `[H, W]`, what may be attended to."""
        check_map(self, x, self.head_dim, "head_dim")
        batch, height, width, channels = x.shape
        if valid is not None:
            x = jnp.where(valid[None, ..., None], x, 0)
        q = conv(channels, 1, name="query")(x)
        offset = DepthwiseConv(kernel=5, name="offset_conv")(q)
        offset = PYTORCH.gelu(PYTORCH.layer_norm("offset_norm")(offset))
        offset = nn.Conv(2, (1, 1), use_bias=False, name="offset")(offset)
        samples = read_nearby(x, 0.5 + jnp.tanh(offset))
        heads = (channels // self.head_dim, self.head_dim)
        k, v = (
            conv(channels, 1, name=name)(samples).reshape(batch, -1, *heads)
            for name in ("key", "value")
        )
        y = attend(q.reshape(batch, -1, *heads), k, v, None if valid is None else valid.reshape(-1))
        return conv(channels, 1, name="out")(y.reshape(batch, height, width, channels))
