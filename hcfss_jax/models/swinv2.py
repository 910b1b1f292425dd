"""Enhanced residual SwinV2 transformers (Wang et al. 2023, arXiv 2308.11864), the forerunner of S2LIC.

    g_a   x -> enhance -> conv5x5 /2 -> RS2TB*1 -> conv3x3 /2 -> RS2TB*2 -> conv3x3 /2 -> RS2TB*3 -> conv3x3 /2 -> y
    g_s   the mirror, with deconv3x3 and, at last, deconv5x5: see `swin_transforms`
    h_a   y -> conv3x3 -> RS2TB*2 -> conv3x3 /2 -> RS2TB*2 -> conv3x3 /2 -> z
    h_s   z_hat -> deconv3x3 x2 -> RS2TB*2 -> deconv3x3 x2 -> RS2TB*2 -> conv3x3 -> one map
    y     all channels in the two passes of one checkerboard: see `SpaceChannelSlices`

Known, from the abstract and from notes of others: SwinV2 blocks with residuals in the transforms and in the hyperprior,
and a feature enhancement of 1x1, 3x3 and 1x1 convolutions. No code is public. All else is our reading; the paper is
silent, or we have not seen it say so:

    layout, widths, stochastic depth   TIC's, whose group S2LIC keeps, by the same first author
    enhancement                        S2LIC's, whose middle is just those three convolutions
    depths                             half of TIC's, as S2LIC has them: the paper says 56 % less complexity
    entropy model                      a checkerboard and ELIC's 1x1 nets, where TIC codes position by position
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax

from hcfss_jax.entropy.plan import CHECKERBOARD, Passes
from hcfss_jax.entropy.space_channel import SpaceChannelSlices
from hcfss_jax.layers.drop_path import dealt, linear_rates
from hcfss_jax.layers.swin_v2 import RS2TB
from hcfss_jax.models.config import SMALLEST, TINY, check_heads
from hcfss_jax.models.family import Family, Published
from hcfss_jax.models.hyperprior import HyperpriorModel
from hcfss_jax.models.swin_transforms import (
    Analysis,
    GroupedHyperAnalysis,
    GroupedHyperSynthesis,
    Rates,
    SwinConfig,
    Synthesis,
)


@dataclasses.dataclass(frozen=True)
class SwinV2Config(SwinConfig):
    """Sizes of an enhanced residual SwinV2 codec."""

    widths: tuple[int, int, int] = (128, 128, 128)
    hyper_width: int = 128
    hyper_blocks: int = 2
    """Of each of the two groups of h_a, and of h_s."""
    hyper_heads: int = 16
    hyper_channels: int = 128
    hyper_features: int = 384
    """Channels of what h_s tells the entropy model."""
    slices: tuple[int, ...] = (192,)
    """One: all of y is coded in two passes. Several are told of each other as ELIC's."""
    fusion_hidden: tuple[int, ...] = (640, 512)
    """Channels inside of the net of 1x1 convolutions that gives mean and scale."""
    drop_path: float = 0.2

    def __post_init__(self) -> None:
        """See `GroupConfig`; of the hyperprior too."""
        super().__post_init__()
        check_heads("hyper_heads", self.hyper_heads, self.hyper_width)


VARIANTS = {
    "tiny": SwinV2Config(
        **TINY | {"widths": (16, 48, 64), "blocks": (0, 1, 2), "slices": (128,), "hyper_blocks": 1},
        heads=(1, 4, 4),
        mlp_ratio=2,
        position_hidden=32,
        enhance_width=8,
        enhance_growth=4,
        hyper_heads=2,
        hyper_features=96,
        fusion_hidden=(160, 128),
        drop_path=0.0,
    ),
    "base": SwinV2Config(),
}


class SwinV2(HyperpriorModel):
    """The model; see the module's drawing for its data flow and `HyperpriorModel` for its methods."""

    config: SwinV2Config

    @property
    def passes(self) -> Passes:
        """See `HyperpriorModel.passes`."""
        return CHECKERBOARD

    @property
    def paddable(self) -> bool:
        """Attention is told what of a window is the picture, and nothing sees the whole map."""
        return True

    def setup(self) -> None:
        super().setup()
        c, remat = self.config, self.remat
        # Rates rise along g_a and on through h_a, and along h_s and on through g_s.
        hyper = (c.hyper_blocks,) * 2
        rates = linear_rates(c.drop_path, sum(c.blocks) + sum(hyper))
        *main, first, second = dealt(rates, (*c.blocks, *hyper))
        self.g_a = Analysis(c, tuple(main), self.dtype, remat)
        self.h_a = HyperAnalysis(c, (first, second), remat)
        first, second, *main = dealt(rates, (*hyper, *c.blocks[::-1]))
        self.h_s = HyperSynthesis(c, (first, second), c.hyper_features, remat)
        self.g_s = Synthesis(c, tuple(main), self.dtype, remat, sub_pixel=False)
        self.slices = SpaceChannelSlices(c.slices, hidden=c.fusion_hidden)


class HyperAnalysis(GroupedHyperAnalysis):
    """`GroupedHyperAnalysis` with RS2TBs."""

    config: SwinV2Config

    def grouped(self, number: int, rates: Rates, x: jax.Array, told: Any) -> jax.Array:
        """See `GroupedHyperAnalysis.grouped`."""
        return hyper_group(self.config, number, rates, self.remat)(x)


class HyperSynthesis(GroupedHyperSynthesis):
    """`GroupedHyperSynthesis` with RS2TBs."""

    config: SwinV2Config

    def grouped(self, number: int, rates: Rates, x: jax.Array) -> jax.Array:
        """See `GroupedHyperSynthesis.grouped`."""
        return hyper_group(self.config, number, rates, self.remat)(x)


def hyper_group(c: SwinV2Config, number: int, rates: Rates, remat: bool) -> nn.Module:
    """One of the hyperprior's, float32."""
    head_dim = c.hyper_width // c.hyper_heads
    sizes = (head_dim, c.window, c.mlp_ratio, None, remat, c.position_hidden)
    return RS2TB(rates, *sizes, name=f"group{number}")


FAMILY = Family(
    SwinV2,
    VARIANTS,
    "Wang et al. 2023, arXiv 2308.11864",
    small={
        "tiny": {
            **SMALLEST,
            "blocks": (0, 1, 2),
            "heads": (1, 2, 2),
            "window": 4,
            "position_hidden": 8,
            "enhance_width": 4,
            "enhance_growth": 2,
            "hyper_blocks": 2,
            "hyper_heads": 2,
            "hyper_features": 8,
            "fusion_hidden": (12,),
            "slices": (8,),
        },
    },
    title="enhanced SwinV2",
    url="https://arxiv.org/abs/2308.11864",
    held_to="our reading; blocks as `s2lic`",
    published=Published(
        {},
        source="its abstract and notes: better than VVC on Kodak and Tecnick, 56 % less complex than its baseline",
    ),
)
