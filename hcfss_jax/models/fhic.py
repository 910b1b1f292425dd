"""FHIC, fast and high-performance learned image compression (Fu et al., arXiv 2309.02529): mixtures of nine.

    g_a     x -> RBS, DRM -> CRB, RBS, DRM, attention -> CRB, RBS, DRM -> CRB, conv3x3 /2, attention -> y
    g_s     y -> attention, CRB, DRM, RBU -> CRB, DRM, RBU, attention -> CRB, DRM, RBU -> CRB, sub-pixel 3x3 -> x_hat
    h_a     y -> 3x3, 3x3, 3x3 /2, 3x3, 3x3 /2 -> z;   h_s its mirror to 2 M maps;   leaky ReLU between
    coded   z: learned density; y whole, rounded as it is, in the two passes of a checkerboard:
            anchors given hyper; the others given hyper and a 5x5 of the anchors

RBS, RBU: residual blocks that halve and double; CRB: two residual blocks and a skip around both; DRM: a deformable
convolution and a 3x3 beside a skip. The transforms, h_a and h_s, the nets and the mixture of nine (GLLMM) are those of
the first author's earlier codec, whose code is public (Fu et al., IEEE TIP 2023, arXiv 2107.06463), and are held to it;
that one decodes position by position, and has no DRM (`deformable=()`). What the paper adds is our reading: where a
DRM stands, what is inside, and that the first pass has nine components and the second one Gaussian, each with a net of
its own. Channels in which a picture has nothing are told by a flag and skipped, as in that code. Latents are to be
sparse: the loss has their mean magnitude (`train/sparse_latents.py`). The authors' N is `widths` and the channels of y
at once, 128 for low rates and 256 for high ones. Gains for the rates are ours.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.mixture import Mixture
from hcfss_jax.entropy.plan import CHECKERBOARD, Passes, Plan
from hcfss_jax.entropy.steps import Decoded
from hcfss_jax.entropy.two_pass import SLOPE, Probability, TwoPassContext
from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.attention_block import AttentionBlock
from hcfss_jax.layers.convolution import Initializer, SubPixelConv, conv
from hcfss_jax.layers.deformable_conv import DeformableResidual
from hcfss_jax.layers.one_loop import in_turn
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.layers.residual import (
    ConcatenatedResidual,
    ResidualBlockUpsample,
    ResidualBlockWithStride,
)
from hcfss_jax.layers.transposed_conv import TransposedConv
from hcfss_jax.layers.wavelet_start import forward_start, inverse_start, packet
from hcfss_jax.models.config import SMALLEST, TINY, ModelConfig
from hcfss_jax.models.family import Family, Published
from hcfss_jax.models.hyperprior import HyperpriorModel
from hcfss_jax.models.s2lic import HyperAnalysis
from hcfss_jax.models.transforms import linear_starts

ATTENDED = 1
"""The stage, from the finest as 0, at whose end stands an attention; another stands at y."""


_leaky: Callable[[jax.Array], jax.Array] = functools.partial(nn.leaky_relu, negative_slope=SLOPE)


@dataclasses.dataclass(frozen=True)
class FHICConfig(ModelConfig):
    """Sizes of an FHIC. One slice: y is coded whole."""

    widths: tuple[int, int, int] = (128, 128, 128)
    blocks: tuple[int, int, int] = (1, 1, 1)
    """CRBs of g_a at strides 2, 4 and 8."""
    decoder_blocks: tuple[int, int, int, int] = (1, 1, 1, 1)
    """CRBs of g_s at strides 2, 4, 8 and 16; the paper takes some out of a trained decoder and trains it again."""
    hyper_width: int = 128
    hyper_channels: int = 128
    slices: tuple[int] = (128,)
    parameter_hidden: tuple[int, int] = (640, 1280)
    """Channels inside of the nets that give a mixture."""
    skip_kernels: tuple[int, int] = (1, 1)
    probability: tuple[Probability, Probability] = ("gllmm", "gaussian")
    """Of the two passes. Our reading; the paper says that they are two."""
    deformable: tuple[Literal[2, 4, 8], ...] = (2, 4, 8)
    """Strides that have a DRM. On a CPU the gradient of one takes longer than all else at its stride."""
    gate_start: float = 0.0
    """The bias with which the gates of attention start; see `AttentionBlock`."""


VARIANTS = {
    "tiny": FHICConfig(
        **TINY
        | {
            "blocks": (0, 1, 1),
            "slices": (80,),
            "parameter_hidden": (80, 64),
        },
        decoder_blocks=(0, 1, 1, 0),
        deformable=(8,),
        gate_start=-3.0,
    ),
    "base": FHICConfig(),
}


class FHIC(HyperpriorModel):
    """The model; see the module's drawing for its data flow and `HyperpriorModel` for its methods."""

    config: FHICConfig

    @property
    def passes(self) -> Passes:
        """See `HyperpriorModel.passes`."""
        return CHECKERBOARD

    @property
    def plan(self) -> Plan:
        """z, then y in two passes, each with flags of its channels."""
        z, *y = super().plan
        return (z, *(step._replace(distribution=Mixture, flagged=True) for step in y))

    @property
    def paddable(self) -> bool:
        """Convolutions can do without what lies beyond a picture."""
        return True

    def setup(self) -> None:
        super().setup()
        c = self.config
        self.g_a = Analysis(c, self.dtype, self.remat)
        self.g_s = Synthesis(c, self.dtype, self.remat)
        self.h_a = HyperAnalysis(c.hyper_width, c.hyper_channels, _leaky)
        self.h_s = HyperSynthesis(c.hyper_width, 2 * self.y_channels)
        self.slices = TwoPassContext(self.y_channels, c.parameter_hidden, c.probability)

    def told(self, decoded: Decoded, level: jax.Array) -> Mapping[str, jax.Array]:
        """ "magnitude": the mean of |y_hat|, `[B]`."""
        return {"magnitude": jnp.mean(jnp.abs(decoded[-1]), axis=(1, 2, 3))}


class Analysis(nn.Module):
    """g_a: `[B, H, W, 3]` to `[B, H / 16, W / 16, M]`, whatever the level."""

    beyond = Beyond.ANYTHING

    config: FHICConfig
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, level: jax.Array) -> jax.Array:
        c = self.config
        parts = Parts(c, self.dtype, self.remat)
        starts = linear_starts(c, packet((*c.widths, sum(c.slices))), forward_start)
        *starts, last = map(halved, starts, (0, *c.blocks))
        down = remat_if(self.remat, ResidualBlockWithStride)
        for i, (width, blocks) in enumerate(zip(c.widths, c.blocks, strict=True)):
            layer = functools.partial(down, width, c.skip_kernels[0], self.dtype, starts[i])
            x = layer(slope=SLOPE, name=f"down{i + 1}")(x)
            x = in_turn(parts.moved(i), x)
            x = in_turn(parts.attention(i), x)
            x = in_turn(parts.blocks(i, blocks), x)
        out = conv(
            sum(c.slices), stride=2, use_bias=False, dtype=self.dtype, kernel_init=last, name="out"
        )
        return in_turn(parts.attention(None), out(x))


class Synthesis(nn.Module):
    """g_s: `[B, H / 16, W / 16, M]` to `[B, H, W, 3]`, the mirror of g_a, whatever the level."""

    beyond = Beyond.ANYTHING

    config: FHICConfig
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, y: jax.Array, level: jax.Array) -> jax.Array:
        c = self.config
        parts = Parts(c, self.dtype, self.remat)
        starts = linear_starts(c, packet((*c.widths, sum(c.slices))), inverse_start)
        last, *starts = map(halved, starts, c.decoder_blocks)
        up = remat_if(self.remat, ResidualBlockUpsample)
        x = in_turn(parts.attention(None), y)
        for i, width in reversed(list(enumerate(c.widths))):
            x = in_turn(parts.blocks(i + 1, c.decoder_blocks[i + 1]), x)
            x = in_turn(parts.moved(i), x)
            layer = functools.partial(up, width, c.skip_kernels[1], self.dtype, starts[i])
            x = layer(slope=SLOPE, name=f"up{i + 1}")(x)
            x = in_turn(parts.attention(i), x)
        x = in_turn(parts.blocks(0, c.decoder_blocks[0]), x)
        return SubPixelConv(3, dtype=self.dtype, kernel_init=last, name="out")(x)


def halved(start: Initializer, times: int) -> Initializer:
    """The start of what follows so many CRBs, each of which starts as twice its map."""

    def init(*args: Any) -> jax.Array:
        return 0.5**times * start(*args)

    return init


@dataclasses.dataclass(frozen=True)
class Parts:
    """What stands between the halvings of g_a and the doublings of g_s; made inside of their `nn.compact` methods."""

    config: FHICConfig
    dtype: str
    remat: bool

    def blocks(self, stage: int, count: int) -> list[nn.Module]:
        """CRBs of a stage, from the finest as 0; y's is the last."""
        make = remat_if(self.remat, ConcatenatedResidual)
        return [
            make(SLOPE, self.dtype, name=f"stage{stage + 1}_block{j + 1}") for j in range(count)
        ]

    def moved(self, stage: int) -> list[nn.Module]:
        """The DRM of a stage."""
        make = remat_if(self.remat, DeformableResidual)
        name = f"stage{stage + 1}_deformable"
        return (
            [make(SLOPE, self.dtype, name=name)]
            if 2 ** (stage + 1) in self.config.deformable
            else []
        )

    def attention(self, stage: int | None) -> list[nn.Module]:
        """That of a stage, where it has one; None for y."""
        if stage not in (ATTENDED, None):
            return []
        name = "attention" if stage is None else f"stage{stage + 1}_attention"
        make = remat_if(self.remat, AttentionBlock)
        return [make(self.config.gate_start, self.dtype, bare_units=True, name=name)]


class HyperSynthesis(nn.Module):
    """h_s: z `[B, h / 4, w / 4, .]` to one map `[B, h, w, features]`, float32."""

    beyond = Beyond.ANYTHING

    width: int
    features: int

    @nn.compact
    def __call__(self, z: jax.Array) -> tuple[jax.Array]:
        wide = self.width * 3 // 2
        x = _leaky(conv(self.width, name="conv1")(z))
        x = _leaky(TransposedConv(self.width, name="up1")(x))
        x = _leaky(conv(wide, name="conv2")(x))
        x = _leaky(TransposedConv(wide, name="up2")(x))
        return (conv(self.features, name="out")(x),)


FAMILY = Family(
    FHIC,
    VARIANTS,
    "Fu et al. 2023, arXiv 2309.02529",
    small={
        "tiny": {
            **SMALLEST,
            "blocks": (0, 0, 1),
            "decoder_blocks": (0, 0, 0, 1),
            "slices": (6,),
            "deformable": (2, 8),
        },
    },
    title="FHIC",
    url="https://arxiv.org/abs/2309.02529",
    held_to="transforms and mixture to code of the authors' earlier codec; the rest our reading",
    published=Published(
        {},
        source="its abstract: 2.3 % better than the best serial codec of its time, and decodes 70 to 90 times as fast",
    ),
)
