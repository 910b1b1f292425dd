"""HSCATB, the bi-level spatial and channel-aware transformer (arXiv 2408.03842).

    g_a   x -> conv3x3 /2 -> [B]*b1 -> conv3x3 /2 -> [B]*b2 -> conv3x3 /2 -> [B]*b3 -> conv3x3 /2 -> y
    g_s   y -> sub-pixel 3x3 x2 -> [B]*b3 -> x2 -> [B]*b2 -> x2 -> [B]*b1 -> sub-pixel 3x3 x2 -> x_hat
    h_a   y -> conv3x3 -> conv5x5 /2 -> conv5x5 /2 -> z, GELU between
    h_s   z_hat -> deconv5x5 x2 -> deconv5x5 x2 -> conv3x3 -> maps for mean and scale, GELU between
    y     slices of 16, 16, 32, 64 and 192 channels, ELIC's context without its space: see `ChannelContextSlices`

B: `layers.HSCATB`, SaSA beside CaSA, then MLGFFN. Of its authors there is no code. Known of the paper: the parts of a
block and their equations, widths 40, 80, 160 and 320, and a context like ELIC's with uneven slices and nothing spatial.
Our reading, as the paper is silent: what halves and doubles, how many blocks there are, heads, how a block joins its
parts, the logarithm of the scale, and the hyperprior (ELIC's, with GELU); gains for the rates, and that convolutions
start as a wavelet packet, are ours. Its list of slices has a 128 too many, with which it would not add up.

SaSA's low path and the means of CaSA and MLGFFN see the whole map: in a file, the whole tile.
"""

import dataclasses
import functools
from collections.abc import Callable

import flax.linen as nn
from jax.typing import DTypeLike

from hcfss_jax.entropy.space_channel import ChannelContextSlices, Seen
from hcfss_jax.layers.convolution import Initializer, SubPixelConv, conv
from hcfss_jax.layers.hscatb import HSCATB
from hcfss_jax.layers.numerics import PYTORCH
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.models import transforms
from hcfss_jax.models.config import SMALLEST, TINY, ModelConfig
from hcfss_jax.models.elic import HyperAnalysis, HyperSynthesis
from hcfss_jax.models.family import Family, Published
from hcfss_jax.models.hyperprior import HyperpriorModel


@dataclasses.dataclass(frozen=True)
class HSCATBConfig(ModelConfig):
    """Sizes of an HSCATB."""

    widths: tuple[int, int, int] = (40, 80, 160)
    blocks: tuple[int, int, int] = (2, 2, 2)
    """Our reading; the paper says "several"."""
    head_dim: int = 20
    """Of attention, so that there are 2, 4 and 8 heads. Our reading."""
    window: int = 8
    """Of attention, and of what its low path averages; positions a side."""
    low_share: float = 0.5
    """Of the heads, those of the low path; see `SaSA`. Our reading."""
    shrink: int = 4
    """What CaSA divides its channels by. Our reading."""
    norm_start: float = 1.0
    """What the scales of the blocks' norms start at; where it is small, blocks start near the identity."""
    hyper_width: int = 192
    slices: tuple[int, ...] = (16, 16, 32, 64, 192)
    parameter_hidden: tuple[int, int] = (640, 512)
    """Channels inside of the nets that give mean and scale of a slice."""
    told_hidden: tuple[int, int] = (224, 128)
    """Channels inside of the nets that tell a slice of those before it."""
    seen: Seen = "all"
    """Which slices those are."""


VARIANTS = {
    "tiny": HSCATBConfig(
        **TINY
        | {
            "widths": (24, 48, 96),
            "blocks": (1, 1, 2),
            "slices": (8, 8, 16, 32, 64),
            "parameter_hidden": (96, 64),
        },
        head_dim=12,
        norm_start=0.02,
        told_hidden=(32, 24),
    ),
    "base": HSCATBConfig(),
}


class HSCATBCodec(HyperpriorModel):
    """The model; see the module's drawing for its data flow and `HyperpriorModel` for its methods."""

    config: HSCATBConfig

    @property
    def paddable(self) -> bool:
        """Convolutions, windows and means can do without what lies beyond a picture."""
        return True

    def setup(self) -> None:
        super().setup()
        c = self.config
        block = functools.partial(_block, c, self.remat)
        self.g_a = Analysis(c, block, self.dtype)
        self.g_s = Synthesis(c, block, self.dtype)
        self.h_a = HyperAnalysis(c.hyper_width, c.hyper_channels, PYTORCH.gelu)
        self.h_s = HyperSynthesis(c.hyper_width, 2 * sum(c.slices), PYTORCH.gelu)
        self.slices = ChannelContextSlices(c.slices, c.told_hidden, c.parameter_hidden, c.seen)


class Analysis(transforms.Analysis):
    """g_a: `[B, H, W, 3]` to `[B, H / 16, W / 16, M]`, whatever the level."""

    def down(self, stage: int) -> Callable[..., nn.Module]:
        """See `transforms.Analysis.down`."""
        return _down


class Synthesis(transforms.Synthesis):
    """g_s: `[B, H / 16, W / 16, M]` to `[B, H, W, 3]`, whatever the level."""

    def up(self, stage: int) -> Callable[..., nn.Module]:
        """See `transforms.Synthesis.up`."""
        return _up


def _down(width: int, *, dtype: DTypeLike, skip_init: Initializer, name: str) -> nn.Module:
    return conv(width, stride=2, dtype=dtype, kernel_init=skip_init, name=name)


def _up(width: int, *, dtype: DTypeLike, skip_init: Initializer, name: str) -> nn.Module:
    return SubPixelConv(width, dtype=dtype, kernel_init=skip_init, name=name)


def _block(
    c: HSCATBConfig, remat: bool, stage: int, index: int, *, name: str, dtype: str | None
) -> nn.Module:
    sizes = c.head_dim, c.window, c.low_share, c.shrink, c.norm_start
    return remat_if(remat, HSCATB)(*sizes, dtype, name=name)


FAMILY = Family(
    HSCATBCodec,
    VARIANTS,
    "arXiv 2408.03842, 2024",
    small={
        "tiny": {
            **SMALLEST,
            "widths": (8, 8, 16),
            "blocks": (1, 0, 1),
            "slices": (2, 4, 4),
            "head_dim": 4,
            "window": 4,
            "norm_start": 1.0,
            "told_hidden": (8, 6),
        },
    },
    title="HSCATB",
    url="https://arxiv.org/abs/2408.03842",
    held_to="our reading; SaSA to HiLo attention's code",
    published=Published({}, source="a curve alone; 31.53 dB on Kodak at lambda .0035"),
)
