"""ELIC (He et al., CVPR 2022, arXiv 2203.10886): convolutions, uneven slices, and a checkerboard in each.

    g_a   x -> conv5x5 /2 -> [RB]*b1 -> conv5x5 /2 -> [RB]*b2 -> A -> conv5x5 /2 -> [RB]*b3 -> conv5x5 /2 -> A -> y
    g_s   y -> A -> deconv5x5 x2 -> [RB]*b3 -> deconv5x5 x2 -> A -> [RB]*b2 -> deconv5x5 x2 -> [RB]*b1
            -> deconv5x5 x2 -> x_hat
    h_a   y -> conv3x3 -> conv5x5 /2 -> conv5x5 /2 -> z, ReLU between
    h_s   z_hat -> deconv5x5 x2 -> deconv5x5 x2 -> conv3x3 -> maps for mean and scale, ReLU between
    y     slices of 16, 16, 32, 64 and 192 channels, each in the two passes of a checkerboard: see `SpaceChannelSlices`

RB: residual bottlenecks; A: attention. Of its authors there is no code. Function and parameters are those of a
reimplementation by others (github.com/VincentChandelier/ELiC-ReImplemetation), held to its outputs, so that weights in
its layout can be imported; unlike the paper it tells a slice of the first one and the one before it (`seen`).
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.entropy.plan import CHECKERBOARD, WHOLE, Passes
from hcfss_jax.entropy.space_channel import ChannelContextSlices, Seen, SpaceChannelSlices
from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.attention_block import AttentionBlock
from hcfss_jax.layers.convolution import LECUN, Initializer, conv
from hcfss_jax.layers.one_loop import in_turn
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.layers.residual import ResidualBottleneck
from hcfss_jax.layers.transposed_conv import TransposedConv
from hcfss_jax.layers.wavelet_start import forward_start, packet
from hcfss_jax.models.config import PORTED, SMALLEST, SMALLEST_PORTED, TINY, ModelConfig
from hcfss_jax.models.family import Family, Published
from hcfss_jax.models.hyperprior import HyperpriorModel

KERNEL = 5
"""Of the convolutions that halve and double."""
ATTENDED = 1
"""The stage, from the finest as 0, at whose end stands an attention; another stands at y."""


@dataclasses.dataclass(frozen=True)
class ELICConfig(ModelConfig):
    """Sizes of an ELIC."""

    widths: tuple[int, int, int] = (192, 192, 192)
    blocks: tuple[int, int, int] = (3, 3, 3)
    hyper_width: int = 192
    """Channels inside of h_a and h_s; half as many more before the last convolution of h_s."""
    slices: tuple[int, ...] = (16, 16, 32, 64, 192)
    parameter_hidden: tuple[int, int] = (640, 512)
    """Channels inside of the nets that give mean and scale of a slice."""
    told_hidden: tuple[int, int] = (224, 128)
    """Channels inside of the nets that tell a slice of those before it."""
    seen: Seen = "all"
    """Which slices those are; "all" in the paper, "first and last" in the code that there is."""
    checkerboard: bool = True
    """Whether each slice takes two passes; without, the slices are the only context."""
    gate_start: float = 0.0
    """The bias with which the gates of attention start; see `AttentionBlock`."""


VARIANTS = {
    "tiny": ELICConfig(
        **TINY | {"blocks": (1, 1, 2), "slices": (8, 8, 16, 32, 56), "parameter_hidden": (96, 64)},
        told_hidden=(32, 24),
        gate_start=-3.0,
    ),
    "base": ELICConfig(**PORTED, seen="first and last"),
}


class ELIC(HyperpriorModel):
    """The model; see the module's drawing for its data flow and `HyperpriorModel` for its methods."""

    config: ELICConfig

    @property
    def passes(self) -> Passes:
        """See `HyperpriorModel.passes`."""
        return CHECKERBOARD if self.config.checkerboard else WHOLE

    @property
    def paddable(self) -> bool:
        """Convolutions can do without what lies beyond a picture."""
        return True

    def setup(self) -> None:
        super().setup()
        c = self.config
        self.g_a = Analysis(c, self.dtype, self.remat)
        self.g_s = Synthesis(c, self.dtype, self.remat)
        self.h_a = HyperAnalysis(c.hyper_width, c.hyper_channels)
        self.h_s = HyperSynthesis(c.hyper_width, 2 * sum(c.slices))
        context = SpaceChannelSlices if c.checkerboard else ChannelContextSlices
        self.slices = context(c.slices, c.told_hidden, c.parameter_hidden, c.seen, log_scale=False)


class Analysis(nn.Module):
    """g_a: `[B, H, W, 3]` to `[B, H / 16, W / 16, M]`, whatever the level."""

    beyond = Beyond.ANYTHING

    config: ELICConfig
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, level: jax.Array) -> jax.Array:
        c = self.config
        *starts, last = kernel_starts(c)
        for i, (width, count) in enumerate(zip(c.widths, c.blocks, strict=True)):
            start, name = starts[i], f"down{i + 1}"
            x = conv(width, KERNEL, 2, dtype=self.dtype, kernel_init=start, name=name)(x)
            x = in_turn(_blocks(i, count, self.dtype, self.remat), x)
            if i == ATTENDED:
                x = _attention(c, self.dtype, self.remat, f"stage{i + 1}_attention")(x)
        out = conv(sum(c.slices), KERNEL, 2, dtype=self.dtype, kernel_init=last, name="out")
        return _attention(c, self.dtype, self.remat, "attention")(out(x))


class Synthesis(nn.Module):
    """g_s: `[B, H / 16, W / 16, M]` to `[B, H, W, 3]`, the mirror of g_a but for the order at stride 4."""

    beyond = Beyond.ANYTHING

    config: ELICConfig
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, y: jax.Array, level: jax.Array) -> jax.Array:
        c = self.config
        last, *starts = kernel_starts(c)
        x = _attention(c, self.dtype, self.remat, "attention")(y)
        for i, (width, count) in reversed(list(enumerate(zip(c.widths, c.blocks, strict=True)))):
            x = TransposedConv(width, KERNEL, self.dtype, starts[i], name=f"up{i + 1}")(x)
            if i == ATTENDED:
                x = _attention(c, self.dtype, self.remat, f"stage{i + 1}_attention")(x)
            x = in_turn(_blocks(i, count, self.dtype, self.remat), x)
        return TransposedConv(3, KERNEL, self.dtype, last, name="out")(x)


class HyperAnalysis(nn.Module):
    """h_a: y `[B, h, w, M]` to `[B, h / 4, w / 4, features]`, float32."""

    beyond = Beyond.ANYTHING

    width: int
    features: int
    activation: Callable[[jax.Array], jax.Array] = nn.relu

    @nn.compact
    def __call__(self, y: jax.Array) -> jax.Array:
        x = self.activation(conv(self.width, name="in")(y))
        x = self.activation(conv(self.width, KERNEL, 2, name="down")(x))
        return conv(self.features, KERNEL, 2, name="out")(x)


class HyperSynthesis(nn.Module):
    """h_s: z to a map for mean and one for scale, the halves of one `[B, h, w, features]`, float32."""

    beyond = Beyond.ANYTHING

    width: int
    features: int
    activation: Callable[[jax.Array], jax.Array] = nn.relu

    @nn.compact
    def __call__(self, z: jax.Array) -> tuple[jax.Array, jax.Array]:
        x = self.activation(TransposedConv(self.width, KERNEL, name="up1")(z))
        x = self.activation(TransposedConv(self.width * 3 // 2, KERNEL, name="up2")(x))
        mean, scale = jnp.split(conv(self.features, name="out")(x), 2, axis=-1)
        return mean, scale


def kernel_starts(c: ModelConfig) -> list[Initializer]:
    """How the convolutions that halve start, the finest first, and those that double: as a packet and its inverse."""
    stages: Sequence[np.ndarray] = packet((*c.widths, sum(c.slices)))
    return [forward_start(stage, rest=LECUN) for stage in stages]


def _blocks(stage: int, count: int, dtype: str, remat: bool) -> list[nn.Module]:
    block = functools.partial(remat_if(remat, ResidualBottleneck), dtype=dtype)
    return [block(name=f"stage{stage + 1}_block{j + 1}") for j in range(count)]


def _attention(c: ELICConfig, dtype: str, remat: bool, name: str) -> nn.Module:
    return remat_if(remat, AttentionBlock)(c.gate_start, dtype, name=name)


FAMILY = Family(
    ELIC,
    VARIANTS,
    "He et al., CVPR 2022, arXiv 2203.10886",
    small={
        "tiny": {
            **SMALLEST,
            "blocks": (1, 0, 1),
            "slices": (2, 4, 4),
            "told_hidden": (8, 6),
        },
        "base": {
            **SMALLEST_PORTED,
            "slices": (2, 4, 6),
            "told_hidden": (7, 5),
        },
    },
    title="ELIC",
    url="https://arxiv.org/abs/2203.10886",
    held_to="code of a reimplementation",
    published=Published(
        {"Kodak": -3.10, "Tecnick": -7.41, "CLIC": -0.84},
        "VTM 21.0",
        "the authors of CMIC, arXiv 2508.02192, table 1",
        curve="ELIC",
    ),
)
