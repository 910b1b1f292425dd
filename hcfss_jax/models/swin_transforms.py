"""Transforms of convolutions and residual groups of SwinV2 blocks, which S2LIC and its forerunner share.

    g_a   x -> enhance -> conv5x5 /2 -> RS2TB*b1 -> conv3x3 /2 -> RS2TB*b2 -> conv3x3 /2 -> RS2TB*b3 -> conv3x3 /2 -> y
    g_s   y -> deconv3x3 x2 -> RS2TB*b3 -> deconv3x3 x2 -> RS2TB*b2 -> deconv3x3 x2 -> RS2TB*b1 -> up x2 -> enhance

RS2TB: so many SwinV2 blocks and a skip around them. Nothing stands between a convolution and the next group.
"""

import dataclasses

import flax.linen as nn
import jax
import numpy as np
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.convolution import ISOMETRY, Initializer, SubPixelConv, conv
from hcfss_jax.layers.enhancement import Enhancement
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.layers.swin_v2 import RS2TB
from hcfss_jax.layers.transposed_conv import TransposedConv
from hcfss_jax.layers.wavelet_start import forward_start, inverse_start, packet
from hcfss_jax.models.config import ModelConfig

Rates = tuple[float, ...]
"""Of stochastic depth, one for each block of a group."""


@dataclasses.dataclass(frozen=True)
class SwinConfig(ModelConfig):
    """Sizes of the transforms; the defaults are S2LIC's."""

    widths: tuple[int, int, int] = (192, 192, 192)
    blocks: tuple[int, int, int] = (1, 2, 3)
    heads: tuple[int, int, int] = (4, 8, 16)
    """Of the attention at strides 2, 4 and 8."""
    window: int = 8
    mlp_ratio: int = 4
    position_hidden: int = 512
    """Channels inside of the net that makes the bias of an offset."""
    enhance_width: int = 64
    """Channels between the dense blocks of the enhancement."""
    enhance_growth: int = 32
    """Channels that each convolution of a dense block adds."""
    drop_path: float = 0.1
    """Probability of an image to go past the last block in training; see `drop_path`."""


class Analysis(nn.Module):
    """g_a: `[B, H, W, 3]` to `[B, H / 16, W / 16, M]`, whatever the level."""

    beyond = Beyond.ANYTHING

    config: SwinConfig
    rates: tuple[Rates, ...]
    """For each group, the finest first."""
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, level: jax.Array) -> jax.Array:
        c = self.config
        x = enhancement(c, self.dtype, self.remat)(x)
        doubled = False
        for i, (width, stage) in enumerate(zip((*c.widths, sum(c.slices)), stages(c), strict=True)):
            start = behind(doubled, forward_start(stage, ISOMETRY))
            size = 3 if i else 5
            down = conv(width, size, 2, dtype=self.dtype, kernel_init=start, name=f"conv{i + 1}")
            x = down(x)
            if doubled := i < len(self.rates) and bool(self.rates[i]):
                x = group(c, i, self.rates[i], self.dtype, self.remat)(x)
        return x


class Synthesis(nn.Module):
    """g_s: `[B, H / 16, W / 16, M]` to `[B, H, W, 3]`, the mirror of g_a, whatever the level."""

    beyond = Beyond.ANYTHING

    config: SwinConfig
    rates: tuple[Rates, ...]
    """For each group, the coarsest first."""
    dtype: str = "float32"
    remat: bool = False
    sub_pixel: bool = True
    """Whether the last step up is a sub-pixel convolution, 3x3; a transposed one, 5x5, otherwise."""

    @nn.compact
    def __call__(self, y: jax.Array, level: jax.Array) -> jax.Array:
        c, x, doubled = self.config, y, False
        finest, *coarser = stages(c)
        for i, rates in zip(reversed(range(len(c.widths))), self.rates, strict=True):
            start = behind(doubled, forward_start(coarser[i], ISOMETRY))
            up = TransposedConv(
                c.widths[i], dtype=self.dtype, kernel_init=start, name=f"conv{i + 1}"
            )
            x = up(x)
            if doubled := bool(rates):
                x = group(c, i, rates, self.dtype, self.remat)(x)
        if self.sub_pixel:
            start = behind(doubled, inverse_start(finest))
            x = SubPixelConv(3, dtype=self.dtype, kernel_init=start, name="out")(x)
        else:
            start = behind(doubled, forward_start(finest, ISOMETRY))
            x = TransposedConv(3, 5, self.dtype, start, name="out")(x)
        return enhancement(c, self.dtype, self.remat)(x)


def enhancement(c: SwinConfig, dtype: str, remat: bool) -> nn.Module:
    """That of a transform."""
    layer = remat_if(remat, Enhancement)
    return layer(c.enhance_width, c.enhance_growth, dtype, name="enhance")


def group(c: SwinConfig, stage: int, rates: Rates, dtype: str, remat: bool) -> nn.Module:
    """The RS2TB of a stage, from 0 at the finest."""
    head_dim = c.widths[stage] // c.heads[stage]
    sizes = (head_dim, c.window, c.mlp_ratio, dtype, c.position_hidden, remat)
    return RS2TB(rates, *sizes, name=f"group{stage + 1}")


def stages(c: SwinConfig) -> tuple[np.ndarray, ...]:
    """What the convolutions of g_a start as, and those of g_s invert; our choice, see `wavelet_start`."""
    return packet((*c.widths, sum(c.slices)))


def behind(doubled: bool, start: Initializer) -> Initializer:
    """How a convolution starts behind a map that is twice what it should be, as a group starts as 2 x."""

    def halved(key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike = "float32") -> jax.Array:
        return start(key, shape, dtype) / 2

    return halved if doubled else start
