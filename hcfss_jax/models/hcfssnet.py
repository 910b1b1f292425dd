"""HCFSSNet, the hybrid convolution and frequency state-space network (Pan et al., arXiv 2511.20151).

    g_a   x -> RBS -> [HB]*b1 -> RBS -> [HB]*b2 -> RBS -> [HB]*b3 -> conv3x3 /2 -> y
    g_s   y -> RBU -> [HB]*b3 -> RBU -> [HB]*b2 -> RBU -> [HB]*b1 -> sub-pixel 3x3 -> x_hat
    h_a   y -> RBS -> [HB]*h -> conv3x3 /2 -> z
    h_s   z_hat -> RBU -> [HB]*h -> sub-pixel 3x3 -> 1x1 -> (mean | scale)
    HB    1x1 -> (residual block | VFSS) -> 1x1 -> +     VFSS = VONSS, then AFMM
    y     5 slices of channels; FSTAM + 3 convolutions for mean and scale of each; LRP

RBS, RBU: residual blocks with stride 2 / upsampling by 2. The abstract names the blocks and what they do; no code is
public. Skeleton, order and sizes are our reading, after TCM (Liu et al. 2023), each a field of the config.
"""

import dataclasses
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.entropy.channel_slices import ChannelSlices
from hcfss_jax.entropy.factorised import FactorisedPrior
from hcfss_jax.layers.convolution import ISOMETRY, Initializer, SubPixelConv, conv
from hcfss_jax.layers.gain import RateGain
from hcfss_jax.layers.hybrid import HybridBlock
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.layers.residual import ResidualBlockUpsample, ResidualBlockWithStride
from hcfss_jax.layers.vfss import VFSS
from hcfss_jax.layers.wavelet_start import forward_start, inverse_start, packet
from hcfss_jax.models.skeleton import CompressionModel
from hcfss_jax.ops.scan_lines import ScanLines


@dataclasses.dataclass(frozen=True)
class HCFSSNetConfig:
    """Sizes of an HCFSSNet; the defaults are paper scale (`base`)."""

    widths: tuple[int, int, int] = (256, 256, 256)
    """Channels at strides 2, 4 and 8; a hybrid block gives half to each path."""
    blocks: tuple[int, int, int] = (2, 2, 2)
    """Hybrid blocks at strides 2, 4 and 8."""
    hyper_width: int = 256
    hyper_blocks: int = 2
    hyper_channels: int = 192
    slices: tuple[int, ...] = (64, 64, 64, 64, 64)
    state_size: int = 16
    directions: int = 8
    scan_lines: ScanLines = "neighborhood"
    expand: float = 2.0
    mlp_ratio: int = 4
    afmm_groups: int = 4
    afmm_hidden: int = 64
    attention_dim: int = 128
    head_dim: int = 16
    parameter_hidden: tuple[int, int] = (224, 128)
    skip_kernels: tuple[int, int] = (1, 3)
    """Kernels of the skips of RBS and RBU; CompressAI's by default. With (2, 1) they start as a wavelet packet."""
    levels: int = 8
    gain_start: tuple[float, float] = (0.7, 2.4)
    """Logarithms at which the gains of y start, for the first and last level: about the inverse of the best step of an
    orthonormal transform at lambda .0018 and .05, sqrt(18 / (lambda ln 2)) / 255."""


VARIANTS = {
    "tiny": HCFSSNetConfig(
        widths=(24, 48, 64),
        blocks=(0, 0, 2),
        hyper_width=36,
        hyper_blocks=0,
        hyper_channels=32,
        slices=(16, 16, 32, 32, 32),
        state_size=1,
        expand=1.0,
        mlp_ratio=2,
        afmm_groups=2,
        afmm_hidden=8,
        attention_dim=16,
        head_dim=8,
        parameter_hidden=(24, 16),
        skip_kernels=(2, 1),
    ),
    "small": HCFSSNetConfig(
        widths=(64, 96, 128),
        blocks=(1, 2, 2),
        hyper_width=96,
        hyper_blocks=1,
        hyper_channels=96,
        slices=(32, 32, 32, 32, 64),
        state_size=1,
        expand=1.0,
        mlp_ratio=2,
        afmm_groups=4,
        afmm_hidden=32,
        attention_dim=64,
        parameter_hidden=(96, 64),
        skip_kernels=(2, 1),
    ),
    "base": HCFSSNetConfig(),
}


class HCFSSNet(CompressionModel):
    """The model; see the module's drawing for its data flow and `CompressionModel` for its methods."""

    config: HCFSSNetConfig

    @property
    def coding_steps(self) -> int:
        """Steps that code y."""
        return len(self.config.slices)

    @property
    def paddable(self) -> bool:
        """A raster scan would meet the padding between two rows."""
        return self.config.scan_lines == "neighborhood"

    @property
    def hyper_channels(self) -> int:
        """Channels of z."""
        return self.config.hyper_channels

    def setup(self) -> None:
        c, remat = self.config, self.remat
        channels = sum(c.slices)
        self.g_a, self.g_s = Analysis(c, self.dtype, remat), Synthesis(c, self.dtype, remat)
        self.h_a, self.h_s = HyperAnalysis(c, remat), HyperSynthesis(c, remat)
        self.prior = FactorisedPrior(c.hyper_channels)
        self.slices = ChannelSlices(
            c.slices,
            c.attention_dim,
            c.head_dim,
            c.parameter_hidden,
            c.mlp_ratio,
            c.afmm_groups,
            c.afmm_hidden,
            remat,
        )
        first, last = c.gain_start
        self.gain_y = RateGain(c.levels, channels, (first, last))
        self.inverse_gain_y = RateGain(c.levels, channels, (-first, -last))
        self.gain_z = RateGain(c.levels, c.hyper_channels)
        self.inverse_gain_z = RateGain(c.levels, c.hyper_channels)


def _hybrid(c: HCFSSNetConfig, name: str, remat: bool, dtype: str | None = None) -> HybridBlock:
    """A hybrid block whose second path is VFSS; call inside the `nn.compact` method that owns it."""
    vfss = VFSS(
        c.state_size,
        c.directions,
        c.scan_lines,
        c.expand,
        c.mlp_ratio,
        c.afmm_groups,
        c.afmm_hidden,
        dtype,
        parent=None,
    )
    return remat_if(remat, HybridBlock)(vfss, dtype, name=name)


def _linear_starts(
    c: HCFSSNetConfig, start: Callable[[np.ndarray], Initializer]
) -> list[Initializer]:
    """How the linear path of each stage starts, the finest first: as a packet where its kernels can."""
    stages = packet((*c.widths, sum(c.slices)))
    return [start(stage) if c.skip_kernels == (2, 1) else ISOMETRY for stage in stages]


class Analysis(nn.Module):
    """g_a: `[B, H, W, 3]` to `[B, H / 16, W / 16, M]`."""

    config: HCFSSNetConfig
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        c, (*starts, last) = self.config, _linear_starts(self.config, forward_start)
        down = remat_if(self.remat, ResidualBlockWithStride)
        for i, (width, blocks) in enumerate(zip(c.widths, c.blocks, strict=True)):
            x = down(width, c.skip_kernels[0], self.dtype, starts[i], name=f"down{i + 1}")(x)
            for j in range(blocks):
                x = _hybrid(c, f"stage{i + 1}_block{j + 1}", self.remat, self.dtype)(x)
        out = conv(sum(c.slices), stride=2, dtype=self.dtype, kernel_init=last, name="out")
        return out(x)


class Synthesis(nn.Module):
    """g_s: `[B, H / 16, W / 16, M]` to `[B, H, W, 3]`, the mirror of g_a."""

    config: HCFSSNetConfig
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, y: jax.Array) -> jax.Array:
        c, x = self.config, y
        last, *starts = _linear_starts(c, inverse_start)
        up = remat_if(self.remat, ResidualBlockUpsample)
        for i, (width, blocks) in reversed(list(enumerate(zip(c.widths, c.blocks, strict=True)))):
            x = up(width, c.skip_kernels[1], self.dtype, starts[i], name=f"up{i + 1}")(x)
            for j in range(blocks):
                x = _hybrid(c, f"stage{i + 1}_block{j + 1}", self.remat, self.dtype)(x)
        return SubPixelConv(3, dtype=self.dtype, kernel_init=last, name="out")(x)


class HyperAnalysis(nn.Module):
    """h_a: y `[B, h, w, M]` to `[B, h / 4, w / 4, C_z]`, float32."""

    config: HCFSSNetConfig
    remat: bool = False

    @nn.compact
    def __call__(self, y: jax.Array) -> jax.Array:
        c = self.config
        down = remat_if(self.remat, ResidualBlockWithStride)
        x = down(c.hyper_width, c.skip_kernels[0], name="down")(y)
        for j in range(c.hyper_blocks):
            x = _hybrid(c, f"block{j + 1}", self.remat)(x)
        return conv(c.hyper_channels, stride=2, name="out")(x)


class HyperSynthesis(nn.Module):
    """h_s: `[B, h / 4, w / 4, C_z]` to maps for mean and scale, `[B, h, w, M]` each, float32.

    One trunk for both (TCM has two): our reading, and a third of the parameters.
    """

    config: HCFSSNetConfig
    remat: bool = False

    @nn.compact
    def __call__(self, z: jax.Array) -> tuple[jax.Array, jax.Array]:
        c = self.config
        up = remat_if(self.remat, ResidualBlockUpsample)
        x = up(c.hyper_width, c.skip_kernels[1], name="up")(z)
        for j in range(c.hyper_blocks):
            x = _hybrid(c, f"block{j + 1}", self.remat)(x)
        x = nn.gelu(SubPixelConv(c.hyper_width, name="sub_pixel")(x))
        mean, scale = jnp.split(conv(2 * sum(c.slices), 1, name="out")(x), 2, axis=-1)
        return mean, scale
