"""FEDS (arXiv 2503.06399): a teacher with attention, and a student that learns its maps and channels from it.

    g_a   x -> [RBS -> RB*b -> RS2TB*d]*3 -> conv3x3 /2 -> y
    g_s   y -> [RBU -> RB*b -> RS2TB*d]*3 -> sub-pixel 3x3 -> x_hat
    h_a   y -> RBS -> RB*h -> conv3x3 /2 -> z
    h_s   z_hat -> RBU -> RB*h -> sub-pixel 3x3 -> map, once for mean and once for scale
    y     slices of channels: hyperprior and slices before -> 3 convolutions, for mean and for scale; LRP

RB, RBS, RBU: residual blocks; with a stride, upsampling. RS2TB: d SwinV2 blocks and a skip around them, halved, so that
it starts as its skip. A student is the same with fewer blocks, narrower, without RS2TB (d = 0) and with fewer channels.

Known are that the teacher has SwinV2 attention, more residual blocks and more channels of y, that features and then
channels of y are aligned before the student is tuned alone, and that it has 63 % fewer parameters. No code is public:
skeleton, widths and blocks are our reading, after TCM (Liu et al. 2023) without attention in its context. The student,
128 channels wide and with 320 of y, has 35.2 M parameters; its teacher 94.3 M, at 224 and 448, so that 63 % are fewer;
at 192 it would be 57 %. How one learns from the other is no matter of the model: `configs/feds.py`.
"""

import dataclasses
import functools

import flax.linen as nn
import jax
from jax.typing import DTypeLike

from hcfss_jax.entropy.channel_slices import PlainSlices
from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.swin_v2 import RS2TB
from hcfss_jax.models.config import SMALLEST, TINY, ModelConfig
from hcfss_jax.models.family import Family, Published
from hcfss_jax.models.hyperprior import HyperpriorModel
from hcfss_jax.models.transforms import (
    Analysis,
    HyperAnalysis,
    HyperSynthesis,
    HyperUpsampling,
    Synthesis,
    residual_block,
)


@dataclasses.dataclass(frozen=True)
class FEDSConfig(ModelConfig):
    """Sizes of a teacher or a student; `blocks` are the residual ones. The defaults are the student's."""

    widths: tuple[int, ...] = (128, 128, 128)
    blocks: tuple[int, ...] = (1, 1, 1)
    hyper_width: int = 128
    hyper_blocks: int = 1
    hyper_channels: int = 128
    attention_blocks: tuple[int, ...] = (0, 0, 0)
    """SwinV2 blocks behind the residual ones at strides 2, 4 and 8."""
    heads: int = 8
    """Of attention; they divide the widths."""
    window: int = 8
    """Of attention, positions a side."""
    mlp_ratio: int = 4
    position_hidden: int = 512
    """Channels inside of the net that makes the bias of an offset."""


_TINY_TEACHER = FEDSConfig(
    **TINY | {"blocks": (0, 0, 2), "hyper_blocks": 0},
    attention_blocks=(0, 0, 2),
    heads=4,
    mlp_ratio=2,
    position_hidden=32,
)
VARIANTS = {
    "tiny": dataclasses.replace(
        _TINY_TEACHER,
        widths=(16, 32, 40),
        blocks=(0, 0, 1),
        attention_blocks=(0, 0, 0),
        hyper_width=24,
        slices=(16, 16, 32, 32),
        parameter_hidden=(16, 12),
    ),
    "tiny-teacher": _TINY_TEACHER,
    "base": FEDSConfig(),
    "teacher": FEDSConfig(
        widths=(224, 224, 224),
        blocks=(2, 2, 2),
        hyper_width=224,
        hyper_blocks=2,
        hyper_channels=192,
        slices=(64,) * 7,
        attention_blocks=(2, 2, 2),
    ),
}


class FEDS(HyperpriorModel):
    """The model; see the module's drawing for its data flow and `HyperpriorModel` for its methods."""

    config: FEDSConfig

    @property
    def paddable(self) -> bool:
        """Convolutions and windows can do without what lies beyond a picture."""
        return True

    def setup(self) -> None:
        super().setup()
        c, remat = self.config, self.remat
        # The transforms take the attention of a stage as its last block.
        counts = zip(c.blocks, c.attention_blocks, strict=True)
        whole = dataclasses.replace(c, blocks=tuple(own + bool(depth) for own, depth in counts))
        block = functools.partial(_block, c, remat)
        self.g_a = Analysis(whole, block, self.dtype, remat)
        self.g_s = Synthesis(whole, block, self.dtype, remat)
        in_hyper = functools.partial(residual_block, remat)
        self.h_a = HyperAnalysis(c, in_hyper, remat)
        h_s = functools.partial(HyperUpsampling, c, in_hyper, self.y_channels, remat)
        self.h_s = HyperSynthesis(h_s)
        self.slices = PlainSlices(c.slices, c.parameter_hidden)


def _block(
    c: FEDSConfig, remat: bool, stage: int, index: int, *, name: str, dtype: str | None
) -> nn.Module:
    """A block of a stage: residual, and behind those the attention."""
    if index < c.blocks[stage]:
        return residual_block(remat, stage, index, name=name, dtype=dtype)
    return Attention(
        c.attention_blocks[stage],
        c.widths[stage] // c.heads,
        c.window,
        c.mlp_ratio,
        dtype,
        c.position_hidden,
        remat,
        name=name,
    )


class Attention(nn.Module):
    """RS2TB, halved: it starts as its skip. `[B, H, W, C]` to the same."""

    beyond = Beyond.ANYTHING

    depth: int
    """SwinV2 blocks."""
    head_dim: int
    window: int = 8
    mlp_ratio: int = 4
    dtype: DTypeLike | None = None
    position_hidden: int = 512
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        sizes = self.head_dim, self.window, self.mlp_ratio, self.dtype, self.remat
        group = RS2TB((0.0,) * self.depth, *sizes, self.position_hidden, name="group")
        half: jax.Array = group(x) / 2
        return half


FAMILY = Family(
    FEDS,
    VARIANTS,
    "arXiv 2503.06399",
    small={
        "tiny-teacher": {
            **SMALLEST,
            "hyper_blocks": 1,
            "slices": (4, 6),
            "heads": 2,
            "window": 4,
            "position_hidden": 8,
            "attention_blocks": (0, 0, 2),
        },
    },
    title="FEDS",
    url="https://arxiv.org/abs/2503.06399",
    held_to="our reading: a teacher and its student",
    published=Published(
        {},
        source="its abstract: the student within 1.24, 1.17 and 0.55 % of its teacher on three sets, with 63 % fewer "
        "parameters",
    ),
)
