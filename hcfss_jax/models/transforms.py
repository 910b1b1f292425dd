"""The transforms that the models share; what differs is the block in them.

    g_a   x -> RBS -> [block]*b1 -> RBS -> [block]*b2 -> RBS -> [block]*b3 -> conv3x3 /2 -> y
    g_s   y -> RBU -> [block]*b3 -> RBU -> [block]*b2 -> RBU -> [block]*b1 -> sub-pixel 3x3 -> x_hat
    h_a   y -> RBS -> [block]*h -> conv3x3 /2 -> z
    h_s   z_hat -> RBU -> [block]*h -> sub-pixel 3x3 -> map, once for mean and once for scale

RBS, RBU: residual blocks with stride 2 / upsampling by 2; h_a and h_s take others in their place. Sizes and order are
TCM's (Liu et al. 2023).
"""

import functools
from collections.abc import Callable, Sequence
from typing import Protocol

import flax.linen as nn
import jax
import numpy as np

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.convolution import ISOMETRY, SILENT, Initializer, SubPixelConv, conv
from hcfss_jax.layers.one_loop import in_turn
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.layers.residual import (
    ResidualBlock,
    ResidualBlockUpsample,
    ResidualBlockWithStride,
)
from hcfss_jax.layers.wavelet_start import forward_start, inverse_start, packet
from hcfss_jax.models.config import ModelConfig


class Block(Protocol):
    """Makes a block that keeps the shape of its map.

    stage: 0 at the finest resolution of its transform. index: of the block in its stage, from 0.
    """

    def __call__(self, stage: int, index: int, *, name: str, dtype: str | None) -> nn.Module:
        """A block, when called inside the `nn.compact` method that owns it."""
        ...


def blocks_of_stage(
    make: Block, stage: int, count: int, name: str, dtype: str | None
) -> list[nn.Module]:
    """The blocks of a stage; `name` with a number each, from 1."""
    return [make(stage, j, name=f"{name}{j + 1}", dtype=dtype) for j in range(count)]


def residual_block(
    remat: bool, stage: int, index: int, *, name: str, dtype: str | None
) -> nn.Module:
    """A residual block of two convolutions, wherever it stands; it starts as its skip."""
    return remat_if(remat, ResidualBlock)(dtype, last=SILENT, name=name)


def linear_starts(
    c: ModelConfig, stages: Sequence[np.ndarray], start: Callable[[np.ndarray], Initializer]
) -> list[Initializer]:
    """How the linear path of each stage starts, the finest first: as a packet where its kernels can."""
    return [start(stage) if c.skip_kernels == (2, 1) else ISOMETRY for stage in stages]


class Analysis(nn.Module):
    """g_a: `[B, H, W, 3]` to `[B, H / 16, W / 16, M]`, whatever the level."""

    beyond = Beyond.ANYTHING

    config: ModelConfig
    block: Block
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, level: jax.Array) -> jax.Array:
        c = self.config
        *starts, last = linear_starts(c, self.packet(), forward_start)
        for i, (width, blocks) in enumerate(zip(c.widths, c.blocks, strict=True)):
            x = self.down(i)(width, dtype=self.dtype, skip_init=starts[i], name=f"down{i + 1}")(x)
            x = in_turn(
                blocks_of_stage(self.block, i, blocks, f"stage{i + 1}_block", self.dtype), x
            )
        out = conv(sum(c.slices), stride=2, dtype=self.dtype, kernel_init=last, name="out")
        return out(x)

    def down(self, stage: int) -> Callable[..., nn.Module]:
        """Makes the layer before the blocks of a stage."""
        layer = remat_if(self.remat, ResidualBlockWithStride)
        return functools.partial(layer, skip_kernel=self.config.skip_kernels[0])

    def packet(self) -> Sequence[np.ndarray]:
        """What the linear paths of the stages, and of the last convolution, may start as."""
        return packet((*self.config.widths, sum(self.config.slices)))


class Synthesis(nn.Module):
    """g_s: `[B, H / 16, W / 16, M]` to `[B, H, W, 3]`, the mirror of g_a, whatever the level."""

    beyond = Beyond.ANYTHING

    config: ModelConfig
    block: Block
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, y: jax.Array, level: jax.Array) -> jax.Array:
        x = y
        last, *starts = linear_starts(self.config, self.packet(), inverse_start)
        for i, (width, blocks) in reversed(list(enumerate(self.stages()))):
            x = self.up(i)(width, dtype=self.dtype, skip_init=starts[i], name=f"up{i + 1}")(x)
            x = in_turn(
                blocks_of_stage(self.block, i, blocks, f"stage{i + 1}_block", self.dtype), x
            )
        return SubPixelConv(3, dtype=self.dtype, kernel_init=last, name="out")(x)

    def stages(self) -> list[tuple[int, int]]:
        """Width and number of blocks of each, the finest first."""
        return list(zip(self.config.widths, self.config.blocks, strict=True))

    def up(self, stage: int) -> Callable[..., nn.Module]:
        """Makes the layer before the blocks of a stage."""
        layer = remat_if(self.remat, ResidualBlockUpsample)
        return functools.partial(layer, skip_kernel=self.config.skip_kernels[1])

    def packet(self) -> Sequence[np.ndarray]:
        """What the linear paths of the stages, and of the last convolution, which comes first here, may invert."""
        return packet((*self.config.widths, sum(self.config.slices)))


class HyperAnalysis(nn.Module):
    """h_a: y `[B, h, w, M]` to `[B, h / 4, w / 4, C_z]`, float32."""

    beyond = Beyond.ANYTHING

    config: ModelConfig
    block: Block
    remat: bool = False
    down: Callable[..., nn.Module] = ResidualBlockWithStride

    @nn.compact
    def __call__(self, y: jax.Array) -> jax.Array:
        c = self.config
        down = remat_if(self.remat, self.down)
        x = down(c.hyper_width, c.skip_kernels[0], name="down")(y)
        x = in_turn(blocks_of_stage(self.block, 0, c.hyper_blocks, "block", None), x)
        return conv(c.hyper_channels, stride=2, name="out")(x)


class HyperUpsampling(nn.Module):
    """z `[B, h / 4, w / 4, C_z]` to a map `[B, h, w, features]`, float32."""

    beyond = Beyond.ANYTHING

    config: ModelConfig
    block: Block
    features: int
    remat: bool = False
    up: Callable[..., nn.Module] = ResidualBlockUpsample

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        c = self.config
        up = remat_if(self.remat, self.up)
        x = up(c.hyper_width, c.skip_kernels[1], name="up")(z)
        x = in_turn(blocks_of_stage(self.block, 0, c.hyper_blocks, "block", None), x)
        return SubPixelConv(self.features, name="sub_pixel")(x)


class HyperSynthesis(nn.Module):
    """h_s: z to a map for mean and one for scale, `[B, h, w, M]` each, float32, with nothing in common."""

    beyond = Beyond.ANYTHING

    make: Callable[[], nn.Module]
    """Makes what gives one of them."""

    def setup(self) -> None:
        self.mean, self.scale = self.make(), self.make()

    def __call__(self, z: jax.Array) -> tuple[jax.Array, jax.Array]:
        return self.mean(z), self.scale(z)
