"""Residual blocks of the convolutional codecs (Cheng et al. 2020), as CompressAI names them.

slope: of their leaky ReLUs; PyTorch's codecs have 0.01, TensorFlow's 0.2.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_even_sides, check_map, check_width
from hcfss_jax.layers.convolution import ISOMETRY, LECUN, SILENT, Initializer, SubPixelConv, conv
from hcfss_jax.layers.gdn import GDN


class ResidualBlock(nn.Module):
    """x + two 3x3 convolutions, each followed by a leaky ReLU. `[B, H, W, C]` to the same."""

    beyond = Beyond.ANYTHING

    dtype: DTypeLike | None = None
    slope: float = 0.01
    last: Initializer = LECUN
    """How the second kernel starts."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x)
        y = x
        for name, start in (("conv1", LECUN), ("conv2", self.last)):
            layer = conv(x.shape[-1], kernel_init=start, dtype=self.dtype, name=name)
            y = nn.leaky_relu(layer(y), self.slope)
        return x + y


class ConcatenatedResidual(nn.Module):
    """CRB: two residual blocks and a skip around both (Fu et al., arXiv 2107.06463). `[B, H, W, C]` to the same.

    It starts as twice its map, which is what the skips add up to.
    """

    beyond = Beyond.ANYTHING

    slope: float = 0.2
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x)
        once = ResidualBlock(self.dtype, self.slope, SILENT, name="block1")(x)
        return x + ResidualBlock(self.dtype, self.slope, SILENT, name="block2")(once)


class ResidualBlockWithStride(nn.Module):
    """Halves height and width: 3x3 stride 2, leaky ReLU, 3x3, GDN, and a stride-2 skip.

    `[B, H, W, C]` to `[B, H / 2, W / 2, features]`; with a `stride` of 1 it keeps them. CompressAI's skip is 1x1 and
    sees one pixel of four; a 2x2 one can pass them all on, so that the network starts as a linear block transform and
    learns from there (the shortcut of DC-AE, Chen et al. 2024, with weights).
    """

    beyond = Beyond.ANYTHING

    features: int
    skip_kernel: int = 1
    dtype: DTypeLike | None = None
    skip_init: Initializer = ISOMETRY
    stride: int = 2
    slope: float = 0.01

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x)
        if (
            self.skip_kernel % 2 == 0
        ):  # with an odd kernel the last row or column is a cell of its own
            check_even_sides(self, x)
        first = conv(self.features, stride=self.stride, name="conv1", dtype=self.dtype)
        y = nn.leaky_relu(first(x), self.slope)
        y = GDN(name="gdn")(
            conv(self.features, kernel_init=SILENT, name="conv2", dtype=self.dtype)(y)
        )
        skip = conv(
            self.features,
            self.skip_kernel,
            self.stride,
            kernel_init=self.skip_init,
            name="skip",
            dtype=self.dtype,
        )
        return y + skip(x)


class ResidualBlockUpsample(nn.Module):
    """Doubles height and width: sub-pixel 3x3, leaky ReLU, 3x3, inverse GDN, and a sub-pixel skip.

    `[B, H, W, C]` to `[B, 2 H, 2 W, features]`; with a `factor` of 1 it keeps them. CompressAI's skip has a 3x3
    kernel; 1x1 saves a third of the block.
    """

    beyond = Beyond.ANYTHING

    features: int
    skip_kernel: int = 3
    dtype: DTypeLike | None = None
    skip_init: Initializer = ISOMETRY
    factor: int = 2
    slope: float = 0.01

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x)
        up = SubPixelConv(self.features, name="up", dtype=self.dtype, factor=self.factor)
        y = nn.leaky_relu(up(x), self.slope)
        y = GDN(inverse=True, name="gdn")(
            conv(self.features, kernel_init=SILENT, name="conv", dtype=self.dtype)(y)
        )
        skip = SubPixelConv(
            self.features,
            self.skip_kernel,
            kernel_init=self.skip_init,
            name="skip",
            dtype=self.dtype,
            factor=self.factor,
        )
        return y + skip(x)


class ResidualUnit(nn.Module):
    """The bottleneck of attention modules: 1x1 to half, 3x3, 1x1 back, activations between and after the sum.

    `[B, H, W, C]` to the same.
    """

    beyond = Beyond.ANYTHING

    activation: Callable[[jax.Array], jax.Array] = nn.gelu
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return self.activation(x + self.branch(x, LECUN))

    def branch(self, x: jax.Array, last: Initializer) -> jax.Array:
        """What is added to x. last: how its last kernel starts."""
        check_map(self, x)
        check_width(self, x, 2)
        channels = x.shape[-1]
        y = self.activation(conv(channels // 2, 1, name="narrow", dtype=self.dtype)(x))
        y = self.activation(conv(channels // 2, name="conv", dtype=self.dtype)(y))
        return conv(channels, 1, kernel_init=last, name="wide", dtype=self.dtype)(y)


class ResidualBottleneck(ResidualUnit):
    """The same with nothing after the sum, the block of ELIC (He et al. 2022, arXiv 2203.10886). It starts as its skip.

    `[B, H, W, C]` to the same.
    """

    beyond = Beyond.ANYTHING

    activation: Callable[[jax.Array], jax.Array] = nn.relu

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return x + self.branch(x, SILENT)
