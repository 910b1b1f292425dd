"""A residual block whose reach is a depthwise convolution and whose work is two dense layers."""

import flax.linen as nn
import jax
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.convolution import DepthwiseConv


class DepthwiseBlock(nn.Module):
    """x + dense(GELU(dense(depthwise 3x3 of x))), `ratio` C channels inside. `[B, H, W, C]` to the same.

    What a ConvNeXt block (Liu et al. 2022) does, with a smaller kernel and no norm. On a CPU a dense layer takes less
    time than a 3x3 convolution of as many multiply-adds.
    """

    beyond = Beyond.ANYTHING

    ratio: int = 2
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x)
        channels = x.shape[-1]
        y = DepthwiseConv(dtype=self.dtype, name="reach")(x)
        y = nn.gelu(nn.Dense(self.ratio * channels, dtype=self.dtype, name="in")(y))
        return x + nn.Dense(channels, dtype=self.dtype, name="out")(y)
