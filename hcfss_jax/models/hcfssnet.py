"""HCFSSNet, the hybrid convolution and frequency state-space network (Pan et al., arXiv 2511.20151).

    g_a, g_s, h_a   as in `transforms`, with hybrid blocks
    h_s             z_hat -> RBU -> [HB]*h -> sub-pixel 3x3 -> 1x1 -> (mean | scale)
    HB              1x1 -> (residual block | VFSS) -> 1x1 -> +     VFSS = VONSS, then AFMM
    y               5 slices of channels; FSTAM + 3 convolutions for mean and scale of each; LRP

The abstract names the blocks and what they do; no code is public. Skeleton, order and sizes are our reading, after TCM
(Liu et al. 2023), each a field of the config.
"""

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.channel_slices import AttendedSlices
from hcfss_jax.layers.convolution import conv
from hcfss_jax.layers.fstam import FSTAM
from hcfss_jax.layers.hybrid import HybridBlock
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.layers.vfss import VFSS
from hcfss_jax.models.config import TINY, ModelConfig
from hcfss_jax.models.skeleton import CompressionModel
from hcfss_jax.models.transforms import (
    Analysis,
    Block,
    HyperAnalysis,
    HyperUpsampling,
    Synthesis,
)
from hcfss_jax.ops.scan_lines import ScanLines


@dataclasses.dataclass(frozen=True)
class HCFSSNetConfig(ModelConfig):
    """Sizes of an HCFSSNet; a hybrid block gives half of its channels to each path."""

    state_size: int = 16
    directions: int = 8
    scan_lines: ScanLines = "neighborhood"
    expand: float = 2.0
    mlp_ratio: int = 4
    afmm_groups: int = 4
    afmm_hidden: int = 64
    attention_dim: int = 128
    head_dim: int = 16


VARIANTS = {
    "tiny": HCFSSNetConfig(
        **TINY,
        state_size=1,
        expand=1.0,
        mlp_ratio=2,
        afmm_groups=2,
        afmm_hidden=8,
        attention_dim=16,
        head_dim=8,
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
    def paddable(self) -> bool:
        """A raster scan would meet the padding between two rows."""
        return self.config.scan_lines == "neighborhood"

    def setup(self) -> None:
        super().setup()
        c, remat = self.config, self.remat
        block = functools.partial(_hybrid, c, remat)
        self.g_a = Analysis(c, block, self.dtype, remat)
        self.g_s = Synthesis(c, block, self.dtype, remat)
        self.h_a, self.h_s = HyperAnalysis(c, block, remat), SharedHyperSynthesis(c, block, remat)
        attention = functools.partial(
            remat_if(remat, FSTAM),
            c.attention_dim,
            c.attention_dim,
            c.head_dim,
            mlp_ratio=c.mlp_ratio,
            afmm_groups=c.afmm_groups,
            afmm_hidden=c.afmm_hidden,
        )
        self.slices = AttendedSlices(c.slices, c.parameter_hidden, attention=attention)


def _hybrid(
    c: HCFSSNetConfig, remat: bool, stage: int, index: int, *, name: str, dtype: str | None
) -> nn.Module:
    """A hybrid block whose second path is VFSS."""
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


class SharedHyperSynthesis(nn.Module):
    """h_s: `[B, h / 4, w / 4, C_z]` to maps for mean and scale, `[B, h, w, M]` each, float32.

    One trunk for both (TCM has two): our reading, and a third of the parameters.
    """

    config: HCFSSNetConfig
    block: Block
    remat: bool = False

    @nn.compact
    def __call__(self, z: jax.Array) -> tuple[jax.Array, jax.Array]:
        c = self.config
        trunk = HyperUpsampling(c, self.block, c.hyper_width, self.remat)
        nn.share_scope(self, trunk)
        out = conv(2 * sum(c.slices), 1, name="out")
        mean, scale = jnp.split(out(nn.gelu(trunk(z))), 2, axis=-1)
        return mean, scale
