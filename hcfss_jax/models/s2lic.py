"""S2LIC, residual SwinV2 blocks and the ACGC context (Wang et al. 2024, arXiv 2403.14471).

    g_a   x -> enhance -> conv5x5 /2 -> RS2TB*1 -> conv3x3 /2 -> RS2TB*2 -> conv3x3 /2 -> RS2TB*3 -> conv3x3 /2 -> y
    g_s   the mirror, with deconv3x3 and, at last, sub-pixel 3x3: see `swin_transforms`
    h_a   y -> conv3x3 -> conv3x3 -> conv3x3 /2 -> conv3x3 -> conv3x3 /2 -> z, GELU between
    h_s   z_hat -> conv3x3 -> sub-pixel x2 -> conv3x3 -> sub-pixel x2 -> conv3x3 -> one map, GELU between
    y     10 slices of channels, each in the two passes of a checkerboard: see `ACGCSlices`

Known, from the authors' file of the model (github.com/wyq2021/S2LIC): what stands where, widths, the order of coding
and latent residual prediction. Blocks are of projects that it builds on: InvCompress's dense blocks, SwinV2's blocks,
TIC's group, MLIC's hyperprior and nets. Of the contexts AC and AG only the figure is public: their insides are our
reading (`layers.interaction`), and without them (`contexts`) the model is held to recorded outputs of the authors'
file. That training draws noise for the rate, and by what recipe, is our reading too.
"""

import dataclasses
from collections.abc import Callable

import flax.linen as nn
import jax

from hcfss_jax.entropy.acgc import PASSES, ACGCSlices
from hcfss_jax.entropy.plan import Passes
from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.convolution import SubPixelConv, conv
from hcfss_jax.layers.drop_path import dealt, linear_rates
from hcfss_jax.layers.numerics import PYTORCH
from hcfss_jax.models.config import PORTED, SMALLEST, SMALLEST_PORTED, TINY
from hcfss_jax.models.family import Family, Published
from hcfss_jax.models.hyperprior import HyperpriorModel
from hcfss_jax.models.swin_transforms import Analysis, SwinConfig, Synthesis


@dataclasses.dataclass(frozen=True)
class S2LICConfig(SwinConfig):
    """Sizes of an S2LIC; 74.3 M parameters, of which AC and AG, whose insides are our reading, are 14.1 M."""

    hyper_width: int = 192
    hyper_features: tuple[int, int, int] = (320, 480, 640)
    """Channels of h_s at strides 64, 32 and 16; of the last, the second half is for means."""
    slices: tuple[int, ...] = (32,) * 10
    fusion_hidden: tuple[int, ...] = (320, 256, 128)
    """Channels inside of the nets of 1x1 convolutions that give mean and scale."""
    contexts: bool = True
    """Whether there are the contexts AC and AG; what they would tell is 0 otherwise."""
    context_head_dim: int = 32
    """Channels of a head of AG's attention; a divisor of those of all slices but the last."""
    anchor_context: bool = False
    """Whether the second pass of a slice sees the anchors of the first. The authors' figure has it so and their code
    has not; the 5x5 convolution is MLIC's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hyper_features[-1] % 2:
            raise ValueError(
                f"hyper_features={self.hyper_features}: the last is made of two halves"
            )


VARIANTS = {
    "tiny": S2LICConfig(
        **TINY
        | {
            "widths": (16, 48, 64),
            "blocks": (0, 1, 2),
            "slices": (32, 32, 64),
            "parameter_hidden": (32, 24),
        },
        heads=(1, 4, 4),
        mlp_ratio=2,
        position_hidden=32,
        enhance_width=8,
        enhance_growth=4,
        hyper_features=(32, 48, 64),
        fusion_hidden=(96, 64),
        context_head_dim=16,
        anchor_context=True,
        drop_path=0.0,
    ),
    "base": S2LICConfig(**PORTED),
}


class S2LIC(HyperpriorModel):
    """The model; see the module's drawing for its data flow and `HyperpriorModel` for its methods."""

    config: S2LICConfig

    @property
    def passes(self) -> Passes:
        """See `HyperpriorModel.passes`."""
        return PASSES

    @property
    def paddable(self) -> bool:
        """Attention and means over the whole map are told what of it is the picture."""
        return True

    def setup(self) -> None:
        super().setup()
        c, remat = self.config, self.remat
        # As in TIC, whose hyperprior has two more blocks: g_a has the first rates, and g_s the last.
        rates = linear_rates(c.drop_path, sum(c.blocks) + 2)
        self.g_a = Analysis(c, dealt(rates, c.blocks), self.dtype, remat)
        self.g_s = Synthesis(c, dealt(rates[2:], c.blocks[::-1]), self.dtype, remat)
        self.h_a = HyperAnalysis(c.hyper_width, c.hyper_channels)
        self.h_s = HyperSynthesis(c.hyper_features)
        self.slices = ACGCSlices(
            c.slices,
            c.parameter_hidden,
            PYTORCH,
            c.fusion_hidden,
            c.contexts,
            c.context_head_dim,
            c.anchor_context,
            remat,
        )


class HyperAnalysis(nn.Module):
    """h_a: y `[B, h, w, M]` to `[B, h / 4, w / 4, features]`, float32."""

    beyond = Beyond.ANYTHING

    width: int
    features: int
    activation: Callable[[jax.Array], jax.Array] = PYTORCH.gelu

    @nn.compact
    def __call__(self, y: jax.Array) -> jax.Array:
        x = y
        for i, stride in enumerate((1, 1, 2, 1)):
            x = self.activation(conv(self.width, stride=stride, name=f"conv{i + 1}")(x))
        return conv(self.features, stride=2, name="conv5")(x)


class HyperSynthesis(nn.Module):
    """h_s: z `[B, h / 4, w / 4, C_z]` to a map `[B, h, w, widths[-1]]`, float32."""

    beyond = Beyond.ANYTHING

    widths: tuple[int, int, int]

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        *inner, last = self.widths
        x = z
        for i, width in enumerate(inner):
            x = PYTORCH.gelu(conv(width, name=f"conv{i + 1}")(x))
            x = PYTORCH.gelu(SubPixelConv(width, name=f"up{i + 1}")(x))
        return conv(last, name="out")(x)


FAMILY = Family(
    S2LIC,
    VARIANTS,
    "Wang et al. 2024, arXiv 2403.14471",
    small={
        "tiny": {
            **SMALLEST,
            "blocks": (0, 1, 2),
            "heads": (1, 2, 2),
            "window": 4,
            "position_hidden": 8,
            "enhance_width": 4,
            "enhance_growth": 2,
            "hyper_features": (4, 6, 8),
            "fusion_hidden": (8, 6),
            "context_head_dim": 2,
        },
        "base": {
            **SMALLEST_PORTED,
            "heads": (2, 2, 4),
            "position_hidden": 5,
            "enhance_width": 6,
            "enhance_growth": 3,
            "hyper_features": (6, 9, 10),
            "fusion_hidden": (12, 11, 7),
            "contexts": False,
        },
    },
    title="S2LIC",
    url="https://arxiv.org/abs/2403.14471",
    held_to="authors' wiring, blocks of the projects it names; two contexts our reading",
    published=Published(
        {"Kodak": -8.87, "Tecnick": -10.15, "CLIC": -7.48}, "VTM 17.1", "its abstract, version 2"
    ),
)
