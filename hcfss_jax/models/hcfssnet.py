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

from hcfss_jax.entropy.band_slices import BandSlices
from hcfss_jax.entropy.channel_slices import AttendedSlices
from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.convolution import conv
from hcfss_jax.layers.depthwise_block import DepthwiseBlock
from hcfss_jax.layers.fstam import FSTAM
from hcfss_jax.layers.hybrid import HybridBlock
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.layers.vfss import VFSS
from hcfss_jax.models.bypass import (
    BypassAnalysis,
    BypassHyperAnalysis,
    BypassHyperSynthesis,
    BypassSynthesis,
)
from hcfss_jax.models.config import SMALLEST, ModelConfig
from hcfss_jax.models.family import Family, Published
from hcfss_jax.models.hyperprior import HyperpriorModel
from hcfss_jax.models.transforms import (
    Analysis,
    Block,
    HyperAnalysis,
    HyperUpsampling,
    Synthesis,
)
from hcfss_jax.ops.frequency_bands import band_channels


@dataclasses.dataclass(frozen=True)
class HCFSSNetConfig(ModelConfig):
    """Sizes of an HCFSSNet; a hybrid block gives half of its channels to each path."""

    state_size: int = 16
    directions: int = 8
    scan_lines: str = "neighborhood"
    expand: float = 2.0
    mlp_ratio: int = 4
    afmm_groups: int = 4
    afmm_hidden: int = 64
    attention_dim: int = 128
    head_dim: int = 16
    bands: tuple[int, ...] = ()
    """Borders of bands of frequencies: y is the complete DCT of cells of 16x16 pixels plus what g_a learned, and a band
    of it is a slice; see `bypass`. Empty: transforms without a bypass."""
    stage_widths: tuple[int, ...] = ()
    """Of transforms with a bypass, in place of `widths`: channels, the last at stride 16."""
    encoder_blocks: tuple[int, ...] = ()
    decoder_blocks: tuple[int, ...] = ()
    """In place of `blocks`, a number for each of `stage_widths`."""
    hybrid_blocks: int = 1
    """Of a transform with a bypass: so many blocks at stride 16, its first there, are hybrid, the others depthwise."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bands and self.slices != band_channels(self.bands):
            raise ValueError(f"slices={self.slices} must be {band_channels(self.bands)}, the bands")


_BANDS = (2, 4, 6, 8, 11, 16)

VARIANTS = {
    "tiny": HCFSSNetConfig(
        bands=_BANDS,
        slices=band_channels(_BANDS),
        stage_widths=(64, 128, 192),
        encoder_blocks=(6, 4, 2),
        decoder_blocks=(8, 6, 2),
        hyper_width=96,
        hyper_blocks=1,
        hyper_channels=48,
        parameter_hidden=(64, 64),
        state_size=1,
        expand=1.0,
        mlp_ratio=2,
        afmm_groups=4,
        afmm_hidden=16,
        attention_dim=64,
        head_dim=16,
        levels=12,
        gain_start=(0.7, 3.36),
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


class HCFSSNet(HyperpriorModel):
    """The model; see the module's drawing for its data flow and `HyperpriorModel` for its methods."""

    config: HCFSSNetConfig

    @property
    def paddable(self) -> bool:
        """A raster scan would meet the padding between two rows."""
        return self.config.scan_lines == "neighborhood"

    @property
    def level_only_scales(self) -> bool:
        """Beside the bands of a complete basis, g_a has gains inside."""
        return not self.config.bands

    def setup(self) -> None:
        super().setup()
        c, remat = self.config, self.remat
        block = functools.partial(_hybrid, c, remat)
        attention = functools.partial(
            remat_if(remat, FSTAM),
            c.attention_dim,
            c.attention_dim,
            c.head_dim,
            mlp_ratio=c.mlp_ratio,
            afmm_groups=c.afmm_groups,
            afmm_hidden=c.afmm_hidden,
        )
        if c.bands:
            of_stage = functools.partial(_block_of_stage, c, remat)
            parts = {
                "g_a": BypassAnalysis(
                    c, of_stage, c.stage_widths, c.encoder_blocks, c.bands, self.dtype
                ),
                "g_s": BypassSynthesis(
                    c, of_stage, c.stage_widths, c.decoder_blocks, c.bands, self.dtype
                ),
                "h_a": BypassHyperAnalysis(c, block),
                "h_s": BypassHyperSynthesis(c, block),
                "slices": BandSlices(c.slices, c.parameter_hidden, attention=attention),
            }
        else:
            parts = {
                "g_a": Analysis(c, block, self.dtype, remat),
                "g_s": Synthesis(c, block, self.dtype, remat),
                "h_a": HyperAnalysis(c, block, remat),
                "h_s": SharedHyperSynthesis(c, block, remat),
                "slices": AttendedSlices(c.slices, c.parameter_hidden, attention=attention),
            }
        for name, part in parts.items():
            setattr(self, name, part)


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
    return remat_if(remat, HybridBlock)(vfss, dtype, depthwise=bool(c.bands), name=name)


def _block_of_stage(
    c: HCFSSNetConfig, remat: bool, stage: int, index: int, *, name: str, dtype: str | None
) -> nn.Module:
    """Hybrid where scans are cheap, at the coarsest stride; depthwise elsewhere."""
    if stage == len(c.stage_widths) - 1 and index < c.hybrid_blocks:
        return _hybrid(c, remat, stage, index, name=name, dtype=dtype)
    return remat_if(remat, DepthwiseBlock)(dtype=dtype, name=name)


class SharedHyperSynthesis(nn.Module):
    """h_s: `[B, h / 4, w / 4, C_z]` to maps for mean and scale, `[B, h, w, M]` each, float32.

    One trunk for both (TCM has two): our reading, and a third of the parameters.
    """

    beyond = Beyond.ANYTHING

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


FAMILY = Family(
    HCFSSNet,
    VARIANTS,
    "Pan et al. 2025, arXiv 2511.20151",
    small={
        "small": {
            **SMALLEST,
            "hyper_blocks": 0,
            "afmm_groups": 2,
            "afmm_hidden": 8,
            "attention_dim": 8,
            "head_dim": 8,
        },
        "tiny": {
            "bands": (4, 16),
            "slices": (48, 720),
            "stage_widths": (8, 8),
            "encoder_blocks": (1, 1),
            "decoder_blocks": (1, 1),
            "hyper_width": 8,
            "hyper_channels": 4,
            "parameter_hidden": (8, 8),
            "afmm_hidden": 8,
            "attention_dim": 16,
        },
    },
    title="HCFSSNet",
    url="https://arxiv.org/abs/2511.20151",
    held_to="our reading",
    published=Published(
        {"Kodak": -18.06, "Tecnick": -24.56, "CLIC": -22.44}, "VTM, no version said", "its abstract"
    ),
)
