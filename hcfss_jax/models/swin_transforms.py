"""Transforms of convolutions and residual groups of Swin blocks, the layout of TIC, which four systems share.

    g_a   x -> conv5x5 /2 -> group*b1 -> conv3x3 /2 -> group*b2 -> conv3x3 /2 -> group*b3 -> conv3x3 /2 -> y
    g_s   y -> deconv3x3 x2 -> group*b3 -> deconv3x3 x2 -> group*b2 -> deconv3x3 x2 -> group*b1 -> up x2 -> x_hat
    h_a   y -> conv3x3 -> group -> conv3x3 /2 -> group -> conv3x3 /2 -> z
    h_s   z_hat -> deconv3x3 x2 -> group -> deconv3x3 x2 -> group -> conv3x3 -> one map

A group: so many blocks and a skip around them; in S2LIC and its forerunner RS2TB, with an enhancement before g_a and
after g_s. Nothing stands between a convolution and the next group. The layout is TIC's (Lu et al., DCC 2022, arXiv
2111.06707).
"""

import dataclasses
from typing import Any

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
from hcfss_jax.models.config import ModelConfig, check_heads

Rates = tuple[float, ...]
"""Of stochastic depth, one for each block of a group."""


@dataclasses.dataclass(frozen=True)
class GroupConfig(ModelConfig):
    """Sizes of transforms with groups; the defaults are S2LIC's."""

    widths: tuple[int, int, int] = (192, 192, 192)
    blocks: tuple[int, int, int] = (1, 2, 3)
    heads: tuple[int, int, int] = (4, 8, 16)
    """Of the attention at strides 2, 4 and 8."""
    window: int = 8
    mlp_ratio: int = 4

    def __post_init__(self) -> None:
        """See `RateConfig`; heads have to divide their widths."""
        super().__post_init__()
        for width, heads in zip(self.widths, self.heads, strict=True):
            check_heads("heads", heads, width)


@dataclasses.dataclass(frozen=True)
class SwinConfig(GroupConfig):
    """The same, of groups of SwinV2 blocks."""

    position_hidden: int = 512
    """Channels inside of the net that makes the bias of an offset."""
    enhance_width: int = 64
    """Channels between the dense blocks of the enhancement."""
    enhance_growth: int = 32
    """Channels that each convolution of a dense block adds."""
    drop_path: float = 0.1
    """Probability of an image to go past the last block in training; see `drop_path`."""


class GroupedAnalysis(nn.Module):
    """g_a: `[B, H, W, 3]` to `[B, H / 16, W / 16, M]`, whatever the level; a subclass says which groups."""

    beyond = Beyond.ANYTHING

    config: GroupConfig
    rates: tuple[Rates, ...]
    """For each group, the finest first."""
    dtype: str = "float32"
    remat: bool = False

    def enhanced(self, x: jax.Array) -> jax.Array:
        """The picture as the first convolution sees it."""
        return x

    def grouped(self, stage: int, rates: Rates, x: jax.Array, told: Any) -> jax.Array:
        """A map behind the group of a stage, from 0 at the finest. told: what `__call__` was given beside."""
        raise NotImplementedError

    @nn.compact
    def __call__(self, x: jax.Array, level: jax.Array, told: Any = None) -> jax.Array:
        c = self.config
        x = self.enhanced(x)
        doubled = False
        for i, (width, stage) in enumerate(zip((*c.widths, sum(c.slices)), stages(c), strict=True)):
            start = behind(doubled, forward_start(stage, ISOMETRY))
            size = 3 if i else 5
            down = conv(width, size, 2, dtype=self.dtype, kernel_init=start, name=f"conv{i + 1}")
            x = down(x)
            if doubled := i < len(self.rates) and bool(self.rates[i]):
                x = self.grouped(i, self.rates[i], x, told)
        return x


class GroupedSynthesis(nn.Module):
    """g_s: `[B, H / 16, W / 16, M]` to `[B, H, W, 3]`, the mirror of g_a, whatever the level."""

    beyond = Beyond.ANYTHING

    config: GroupConfig
    rates: tuple[Rates, ...]
    """For each group, the coarsest first."""
    dtype: str = "float32"
    remat: bool = False
    sub_pixel: bool = True
    """Whether the last step up is a sub-pixel convolution, 3x3; a transposed one, 5x5, otherwise."""

    def enhanced(self, x: jax.Array) -> jax.Array:
        """The picture from what the last convolution gives."""
        return x

    def grouped(self, stage: int, rates: Rates, x: jax.Array, told: Any) -> jax.Array:
        """See `GroupedAnalysis.grouped`."""
        raise NotImplementedError

    @nn.compact
    def __call__(self, y: jax.Array, level: jax.Array, told: Any = None) -> jax.Array:
        c, x, doubled = self.config, y, False
        finest, *coarser = stages(c)
        for i, rates in zip(reversed(range(len(c.widths))), self.rates, strict=True):
            start = behind(doubled, forward_start(coarser[i], ISOMETRY))
            up = TransposedConv(
                c.widths[i], dtype=self.dtype, kernel_init=start, name=f"conv{i + 1}"
            )
            x = up(x)
            if doubled := bool(rates):
                x = self.grouped(i, rates, x, told)
        if self.sub_pixel:
            start = behind(doubled, inverse_start(finest))
            x = SubPixelConv(3, dtype=self.dtype, kernel_init=start, name="out")(x)
        else:
            start = behind(doubled, forward_start(finest, ISOMETRY))
            x = TransposedConv(3, 5, self.dtype, start, name="out")(x)
        return self.enhanced(x)


class GroupedHyperAnalysis(nn.Module):
    """h_a: y `[B, h, w, M]` to `[B, h / 4, w / 4, C_z]`, float32; a subclass says which groups."""

    beyond = Beyond.ANYTHING

    config: ModelConfig
    rates: tuple[Rates, ...]
    remat: bool = False

    def grouped(self, number: int, rates: Rates, x: jax.Array, told: Any) -> jax.Array:
        """A map behind a group, from 1 at the finest. told: what `__call__` was given beside."""
        raise NotImplementedError

    @nn.compact
    def __call__(self, y: jax.Array, told: Any = None) -> jax.Array:
        c = self.config
        x = conv(c.hyper_width, kernel_init=ISOMETRY, name="conv1")(y)
        for i, (width, rates) in enumerate(
            zip((c.hyper_width, c.hyper_channels), self.rates, strict=True), start=1
        ):
            x = self.grouped(i, rates, x, told)
            start = behind(bool(rates), ISOMETRY)
            x = conv(width, stride=2, kernel_init=start, name=f"conv{i + 1}")(x)
        return x


class GroupedHyperSynthesis(nn.Module):
    """h_s: z `[B, h / 4, w / 4, C_z]` to one map `[B, h, w, features]`, float32; a subclass says which groups."""

    beyond = Beyond.ANYTHING

    config: ModelConfig
    rates: tuple[Rates, ...]
    features: int
    remat: bool = False

    def grouped(self, number: int, rates: Rates, x: jax.Array) -> jax.Array:
        """A map behind a group, from 1 at the coarsest."""
        raise NotImplementedError

    @nn.compact
    def __call__(self, z: jax.Array) -> tuple[jax.Array]:
        c, x = self.config, z
        for i, rates in enumerate(self.rates, start=1):
            x = TransposedConv(c.hyper_width, name=f"conv{i}")(x)
            x = self.grouped(i, rates, x)
        return (conv(self.features, name="out")(x),)


class Analysis(GroupedAnalysis):
    """`GroupedAnalysis` with RS2TBs, of an enhanced picture."""

    config: SwinConfig

    def enhanced(self, x: jax.Array) -> jax.Array:
        """See `GroupedAnalysis.enhanced`."""
        return enhancement(self.config, self.dtype, self.remat)(x)

    def grouped(self, stage: int, rates: Rates, x: jax.Array, told: Any) -> jax.Array:
        """See `GroupedAnalysis.grouped`."""
        return group(self.config, stage, rates, self.dtype, self.remat)(x)


class Synthesis(GroupedSynthesis):
    """`GroupedSynthesis` with RS2TBs, whose picture is enhanced."""

    config: SwinConfig

    def enhanced(self, x: jax.Array) -> jax.Array:
        """See `GroupedSynthesis.enhanced`."""
        return enhancement(self.config, self.dtype, self.remat)(x)

    def grouped(self, stage: int, rates: Rates, x: jax.Array, told: Any) -> jax.Array:
        """See `GroupedAnalysis.grouped`."""
        return group(self.config, stage, rates, self.dtype, self.remat)(x)


def enhancement(c: SwinConfig, dtype: str, remat: bool) -> nn.Module:
    """That of a transform."""
    layer = remat_if(remat, Enhancement)
    return layer(c.enhance_width, c.enhance_growth, dtype, name="enhance")


def group(c: SwinConfig, stage: int, rates: Rates, dtype: str, remat: bool) -> nn.Module:
    """The RS2TB of a stage, from 0 at the finest."""
    head_dim = c.widths[stage] // c.heads[stage]
    sizes = (head_dim, c.window, c.mlp_ratio, dtype, remat, c.position_hidden)
    return RS2TB(rates, *sizes, name=f"group{stage + 1}")


def stages(c: GroupConfig) -> tuple[np.ndarray, ...]:
    """What the convolutions of g_a start as, and those of g_s invert; our choice, see `wavelet_start`."""
    return packet((*c.widths, sum(c.slices)))


def behind(doubled: bool, start: Initializer) -> Initializer:
    """How a convolution starts behind a map that is twice what it should be, as a group starts as 2 x."""

    def halved(key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike = "float32") -> jax.Array:
        return start(key, shape, dtype) / 2

    return halved if doubled else start
