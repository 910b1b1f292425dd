"""TCM, the mixed Transformer and CNN codec (Liu et al., CVPR 2023), the plainest form of the skeleton.

    g_a, g_s, h_a, h_s   as in `transforms`, with hybrid blocks: W-MSA, then SW-MSA in each pair
    y                    5 slices of channels; SWAtten + 3 convolutions for mean and scale of each; LRP

Function and parameters are those of the authors' code (github.com/jmliu206/LIC_TCM), so that its weights can be
imported; what the paper says otherwise is not followed.
"""

import dataclasses
import functools
from typing import Any

import flax.linen as nn

from hcfss_jax.entropy.channel_slices import AttendedSlices
from hcfss_jax.layers.hybrid import HybridBlock
from hcfss_jax.layers.numerics import PYTORCH
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.layers.swatten import SWAtten
from hcfss_jax.layers.window_attention import SwinBlock
from hcfss_jax.models.config import PORTED, SMALLEST, SMALLEST_PORTED, TINY, ModelConfig
from hcfss_jax.models.family import Family, Published
from hcfss_jax.models.hyperprior import HyperpriorModel
from hcfss_jax.models.transforms import (
    Analysis,
    Block,
    HyperAnalysis,
    HyperSynthesis,
    HyperUpsampling,
    Synthesis,
)


@dataclasses.dataclass(frozen=True)
class TCMConfig(ModelConfig):
    """Sizes of a TCM; a hybrid block gives half of its channels to each path."""

    head_dims: tuple[int, int, int] = (8, 16, 32)
    """Of attention at strides 2, 4 and 8."""
    window: int = 8
    """Of attention in g_a and g_s, positions a side."""
    hyper_head_dim: int = 32
    hyper_window: int = 4
    mlp_ratio: int = 4
    attention_dim: int = 128
    """Channels inside of SWAtten."""
    attention_head_dim: int = 16


SMALLEST_ATTENTION: dict[str, Any] = {
    "head_dims": (4, 4, 4),
    "hyper_head_dim": 4,
    "attention_dim": 8,
    "attention_head_dim": 4,
}
"""Fields that make its attention compile in seconds."""
VARIANTS = {
    "tiny": TCMConfig(**TINY, mlp_ratio=2, attention_dim=16, attention_head_dim=8),
    "n64": TCMConfig(widths=(128, 128, 128), hyper_width=128, **PORTED),
    "n96": TCMConfig(widths=(192, 192, 192), hyper_width=192, **PORTED),
    "n128": TCMConfig(**PORTED),
}


class TCM(HyperpriorModel):
    """The model; see the module's drawing for its data flow and `HyperpriorModel` for its methods."""

    config: TCMConfig

    @property
    def paddable(self) -> bool:
        """Convolutions and windows can do without what lies beyond a picture."""
        return True

    def setup(self) -> None:
        super().setup()
        c, remat, block = self.config, self.remat, self.block()
        self.g_a = Analysis(c, block, self.dtype, remat)
        self.g_s = Synthesis(c, block, self.dtype, remat)
        in_hyper = (c.hyper_head_dim,), c.hyper_window, c.mlp_ratio
        hyper_block = functools.partial(_conv_trans, *in_hyper, remat)
        self.h_a = HyperAnalysis(c, hyper_block, remat)
        h_s = functools.partial(HyperUpsampling, c, hyper_block, sum(c.slices), remat)
        self.h_s = HyperSynthesis(h_s)
        self.slices = self.context()

    def context(self) -> nn.Module:
        """The entropy model of y."""
        c = self.config
        attention = functools.partial(
            remat_if(self.remat, SWAtten),
            c.attention_dim,
            head_dim=c.attention_head_dim,
            mlp_ratio=c.mlp_ratio,
        )
        sizes = c.slices, c.parameter_hidden
        return AttendedSlices(*sizes, PYTORCH, attention, log_scale=False)

    def block(self) -> Block:
        """What makes the blocks of g_a and g_s."""
        c = self.config
        return functools.partial(_conv_trans, c.head_dims, c.window, c.mlp_ratio, self.remat)


def _conv_trans(
    head_dims: tuple[int, ...],
    window: int,
    mlp_ratio: int,
    remat: bool,
    stage: int,
    index: int,
    *,
    name: str,
    dtype: str | None,
) -> nn.Module:
    """TCM's hybrid block, whose second path is a Swin block: W-MSA where `index` is even, SW-MSA where odd."""
    shifted = index % 2 == 1
    swin = SwinBlock(head_dims[stage], window, shifted, mlp_ratio, dtype, PYTORCH, parent=None)
    return remat_if(remat, HybridBlock)(swin, dtype, local_skip=True, name=name)


FAMILY = Family(
    TCM,
    VARIANTS,
    "Liu et al., CVPR 2023, arXiv 2303.14978",
    small={
        "tiny": {**SMALLEST, **SMALLEST_ATTENTION, "hyper_blocks": 1},
        "n64": {**SMALLEST_PORTED, **SMALLEST_ATTENTION, "mlp_ratio": 2},
    },
    title="TCM",
    url="https://arxiv.org/abs/2303.14978",
    held_to="authors' code",
    published=Published(
        {"Kodak": -10.04, "Tecnick": -10.42, "CLIC": -8.60},
        "VTM 21.0",
        "the authors of CMIC, arXiv 2508.02192, table 1",
        curve="TCM-L",
    ),
)
