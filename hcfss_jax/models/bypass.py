"""Transforms that add what they learned to a fixed orthonormal basis, beside which they stand (AuxT, Li et al. 2025).

    g_a   y = P x + f(x)        f: patches 1x1 -> [block]*b -> /2 -> [block]*b ... -> 1x1
    g_s   x_hat = Q + g(y_hat, Q), Q = P^-1 y_hat         g: the mirror of f, which sees Q at each of its strides

P is the DCT of cells of 16x16 pixels, complete: 768 channels for 768 numbers. So a rate high enough brings back any
picture, whatever f and g are, and training begins from a plain transform codec. AuxT's bypass is a wavelet with learned
weights; the DCT, that nothing of it is learned, and that g sees Q are our choice. The stages stand at coarse strides,
where dense layers are wide and cheap.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax

from hcfss_jax.entropy.band_slices import by_magnitude
from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.convolution import (
    ISOMETRY,
    LECUN,
    SILENT,
    conv,
    depth_to_space,
    space_to_depth,
)
from hcfss_jax.layers.gain import RateGain
from hcfss_jax.layers.one_loop import in_turn
from hcfss_jax.models.config import ModelConfig
from hcfss_jax.models.transforms import Block, blocks_of_stage
from hcfss_jax.ops.frequency_bands import from_bands, to_bands

GREY = 0.5  # what the transforms take as zero


def patches(x: jax.Array, side: int, features: int, name: str, dtype: str | None) -> jax.Array:
    """Each cell of side x side positions by one dense layer: `[B, H, W, C]` to `[B, H / side, W / side, features]`."""
    layer = conv(features, 1, dtype=dtype, kernel_init=ISOMETRY, name=name)
    return layer(space_to_depth(x, side))


class _Stages(nn.Module):
    """What g_a and g_s have in common: stages at strides that double, the last at 16."""

    config: ModelConfig
    block: Block
    widths: tuple[int, ...]
    """Channels of the stages, the finest first."""
    blocks: tuple[int, ...]
    bands: Sequence[int]
    dtype: str = "float32"

    def _stride(self, i: int) -> int:
        """Pixels that a position of stage i stands for."""
        return 16 // 2 ** (len(self.widths) - 1 - i)

    def _stage(self, i: int, x: jax.Array, level: jax.Array) -> jax.Array:
        """The gain of the rate, and the blocks; inside of the `nn.compact` method."""
        x = x * RateGain(self.config.levels, self.widths[i], name=f"gain{i + 1}")(level)
        name = f"stage{i + 1}_block"
        return in_turn(blocks_of_stage(self.block, i, self.blocks[i], name, self.dtype), x)


class BypassAnalysis(_Stages):
    """g_a: `[B, H, W, 3]` and levels `[B]` to `[B, H / 16, W / 16, 768]`."""

    beyond = Beyond.ANYTHING

    @nn.compact
    def __call__(self, x: jax.Array, level: jax.Array) -> jax.Array:
        x = x - GREY
        y = to_bands(x, self.bands)
        for i, width in enumerate(self.widths):
            side = 2 if i else self._stride(0)
            x = self._stage(i, patches(x, side, width, f"down{i + 1}", self.dtype), level)
        out = conv(y.shape[-1], 1, dtype=self.dtype, kernel_init=SILENT, name="out")
        return y + out(x)


class BypassSynthesis(_Stages):
    """g_s: `[B, H / 16, W / 16, 768]` and levels `[B]` to `[B, H, W, 3]`, the mirror of g_a."""

    beyond = Beyond.ANYTHING

    @nn.compact
    def __call__(self, y: jax.Array, level: jax.Array) -> jax.Array:
        linear, last = from_bands(y, self.bands), len(self.widths) - 1
        x: jax.Array = conv(self.widths[-1], 1, dtype=self.dtype, kernel_init=LECUN, name="in")(y)
        for i in range(last, -1, -1):
            width = self.widths[i]
            if i < last:
                up = conv(4 * width, 1, dtype=self.dtype, kernel_init=ISOMETRY, name=f"up{i + 1}")
                seen = patches(linear, self._stride(i), width, f"see{i + 1}", self.dtype)
                x = depth_to_space(up(x)) + seen
            x = self._stage(i, x, level)
        side = self._stride(0)
        out = conv(3 * side**2, 1, dtype=self.dtype, kernel_init=SILENT, name="out")(x)
        return linear + depth_to_space(out, side).astype(linear.dtype) + GREY


class BypassHyperAnalysis(nn.Module):
    """h_a: y `[B, h, w, M]` to `[B, h / 4, w / 4, C_z]`, float32."""

    beyond = Beyond.ANYTHING

    config: ModelConfig
    block: Block

    @nn.compact
    def __call__(self, y: jax.Array) -> jax.Array:
        c = self.config
        x = conv(c.hyper_width, 1, name="in")(by_magnitude(y))
        x = nn.gelu(patches(x, 2, c.hyper_width, "down1", None))
        x = in_turn(blocks_of_stage(self.block, 0, c.hyper_blocks, "block", None), x)
        return patches(x, 2, c.hyper_channels, "down2", None)


class BypassHyperSynthesis(nn.Module):
    """h_s: z `[B, h / 4, w / 4, C_z]` to features `[B, h, w, hyper_width]`, float32."""

    beyond = Beyond.ANYTHING

    config: ModelConfig
    block: Block

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        c = self.config
        x = depth_to_space(conv(4 * c.hyper_width, 1, name="up1")(z))
        x = in_turn(blocks_of_stage(self.block, 0, c.hyper_blocks, "block", None), x)
        x = depth_to_space(conv(4 * c.hyper_width, 1, name="up2")(nn.gelu(x)))
        return nn.gelu(x)
