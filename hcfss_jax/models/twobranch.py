"""Two branches and conditional coding (arXiv 2401.11093, DCC 2024): details first, and then what they lie on.

    g_a fine     x -> [RBS -> [RB]*b]*3 -> conv3x3 /2 -> y_h at stride 16
    g_a coarse   x -> [RBS -> [RB]*b]*4 -> conv3x3 /2 -> y_l at stride 32
    h_a, h_s     of either: RBS -> [RB]*h -> conv3x3 /2 -> z; RBU -> [RB]*h -> sub-pixel 3x3, for mean and for scale
    condition    y_h_hat -> conv3x3 /2 -> leaky ReLU -> conv3x3, beside both maps that h_s makes of z_l
    coded        z_h, y_h in slices, z_l, y_l in slices; 3 convolutions for mean and scale of each slice; LRP
    g_s          concat(RBU(y_l_hat), y_h_hat) -> 1x1 -> [RBU -> [RB]*b]*3 -> sub-pixel 3x3 -> x_hat

RB, RBS, RBU: residual blocks; with a stride, upsampling. Known are the two encoders of one picture, that the latent of
high resolution conditions the other, and that both are coded in slices of channels without serial context. No code is
public: strides, sizes, the nets and where the condition enters are our reading, after TCM (Liu et al. 2023) without
attention, each a field of the config or a module here. The condition sees y_h as it was coded, with its gain, as
slices see each other.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.entropy.channel_slices import PlainSlices
from hcfss_jax.entropy.plan import Plan
from hcfss_jax.entropy.steps import Decoded, Latents, Prediction
from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_even_sides, check_map
from hcfss_jax.layers.convolution import conv
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.layers.residual import ResidualBlockUpsample
from hcfss_jax.layers.wavelet_start import forward_start, inverse_start, of_sizes, packet
from hcfss_jax.models import transforms
from hcfss_jax.models.config import SMALLEST, TINY, ModelConfig
from hcfss_jax.models.family import Family, Published
from hcfss_jax.models.hyperprior import Y_STRIDE, HyperpriorModel, coded_with_hyperprior
from hcfss_jax.models.skeleton import CompressionModel
from hcfss_jax.models.transforms import (
    Block,
    HyperAnalysis,
    HyperSynthesis,
    HyperUpsampling,
    linear_starts,
    residual_block,
)

_FINE, _COARSE = ("_h", Y_STRIDE), ("_l", 2 * Y_STRIDE)
"""Of each branch the ending of its latents' names, and the stride of y."""


@dataclasses.dataclass(frozen=True)
class TwoBranchConfig(ModelConfig):
    """Sizes of a two-branch codec; `widths`, `blocks` and `slices` are the fine branch's, the first two g_s's too."""

    widths: tuple[int, ...] = (128, 128, 128)
    blocks: tuple[int, ...] = (1, 1, 1)
    hyper_width: int = 128
    hyper_blocks: int = 1
    hyper_channels: int = 128
    """Of z_h, and of z_l."""
    slices: tuple[int, ...] = (32, 32, 32, 32, 32, 32)
    coarse_widths: tuple[int, ...] = (128, 128, 128, 128)
    """Channels of the coarse branch at strides 2, 4, 8 and 16."""
    coarse_blocks: tuple[int, ...] = (1, 1, 1, 1)
    coarse_slices: tuple[int, ...] = (32, 32, 32, 32)
    condition_width: int = 128
    """Channels of what the fine latent tells the coarse one."""
    raised_width: int = 192
    """Channels that y_l is brought to at stride 16."""
    joined_width: int = 192
    """Channels of both latents together, where g_s begins."""

    def __post_init__(self) -> None:
        """See `RateConfig`; three stages of the fine branch, four of the coarse one."""
        super().__post_init__()
        for name in ("widths", "blocks"):
            fine, coarse = getattr(self, name), getattr(self, f"coarse_{name}")
            if len(fine) != 3 and fine != coarse:  # as in `coarse`
                raise ValueError(f"{name}={fine!r}: the fine branch has three stages")
            if len(coarse) != 4:
                raise ValueError(f"coarse_{name}={coarse!r}: the coarse branch has four stages")

    @property
    def coarse(self) -> "TwoBranchConfig":
        """What the coarse branch is: the fields of that name in place of the fine one's."""
        return dataclasses.replace(
            self, widths=self.coarse_widths, blocks=self.coarse_blocks, slices=self.coarse_slices
        )

    @property
    def shared(self) -> int:
        """Channels at stride 16 that the coarse branch starts with, in cells of 2x2, and the fine one without."""
        return sum(self.coarse_slices) // 4


VARIANTS = {
    "tiny": TwoBranchConfig(
        **TINY | {"blocks": (0, 0, 1), "slices": (16, 32, 48)},
        coarse_widths=(16, 32, 48, 64),
        coarse_blocks=(0, 0, 0, 1),
        coarse_slices=(8, 24),
        condition_width=32,
        raised_width=32,
        joined_width=104,
    ),
    "base": TwoBranchConfig(),
}


class Branch(HyperpriorModel):
    """One of the two: all that codes its latents, and no g_s, which serves both."""

    config: TwoBranchConfig
    analysis: type[nn.Module] = transforms.Analysis

    def setup(self) -> None:
        super().setup()
        c, remat = self.config, self.remat
        block = functools.partial(residual_block, remat)
        self.g_a = self.analysis(c, block, self.dtype, remat)
        self.h_a = HyperAnalysis(c, block, remat)
        h_s = functools.partial(HyperUpsampling, c, block, self.y_channels, remat)
        self.h_s = HyperSynthesis(h_s)
        self.slices = PlainSlices(c.slices, c.parameter_hidden)


class TwoBranch(CompressionModel):
    """The model; see the module's drawing for its data flow and `CompressionModel` for its methods.

    Latents: z_h and y_h `[B, H / 64, W / 64, C_z]` and `[B, H / 16, W / 16, M_h]`, z_l and y_l at strides 128 and 32,
    after their gains; each has its own entry of the bits.
    """

    config: TwoBranchConfig

    @property
    def plan(self) -> Plan:
        """z_h, the slices of y_h, z_l, the slices of y_l."""
        c = self.config
        fine, coarse = coded_with_hyperprior(c, *_FINE), coded_with_hyperprior(c.coarse, *_COARSE)
        return (*fine, *coarse)

    @property
    def paddable(self) -> bool:
        """Convolutions can do without what lies beyond a picture."""
        return True

    def setup(self) -> None:
        c, how = self.config, (self.dtype, self.remat, self.loops)
        self.fine = Branch(c, *how, *_FINE, FineAnalysis)
        self.coarse = Branch(c.coarse, *how, *_COARSE, CoarseAnalysis)
        self.condition = Condition(c.condition_width)
        self.g_s = Synthesis(
            c, functools.partial(residual_block, self.remat), self.dtype, self.remat
        )

    def analyse(
        self, x: jax.Array, level: jax.Array, given: Mapping[str, jax.Array] = {}
    ) -> Latents:
        """See `CompressionModel.analyse`."""
        self.check(x, level)
        return {**self.fine.analyse(x, level), **self.coarse.analyse(x, level)}

    def predict(self, step: int, level: jax.Array, decoded: Decoded) -> Prediction:
        """See `CompressionModel.predict`."""
        branch, first = self._branch(step)
        return branch.predict(step - first, level, decoded[first:])

    def refine(
        self, step: int, level: jax.Array, decoded: Decoded, features: Any, quantised: jax.Array
    ) -> Any:
        """Of z_h and z_l what the slices are told: of the latter with the condition; of a slice its part of y_hat."""
        branch, first = self._branch(step)
        left = branch.refine(step - first, level, decoded[first:], features, quantised)
        if branch is self.fine or step > first:
            return left
        condition = self.condition(jnp.concatenate(decoded[1:first], axis=-1))
        return tuple(jnp.concatenate([told, condition], axis=-1) for told in left)

    def modules_of_step(self, step: int) -> Mapping[str, nn.Module]:
        """See `CompressionModel.modules_of_step`."""
        branch, first = self._branch(step)
        return branch.modules_of_step(step - first)

    def _branch(self, step: int) -> tuple[Branch, int]:
        """Whose step it is, and the first that is."""
        coarse = 1 + len(self.config.slices)
        return (self.fine, 0) if step < coarse else (self.coarse, coarse)

    def synthesise(self, decoded: Decoded, level: jax.Array) -> jax.Array:
        """See `CompressionModel.synthesise`."""
        first = 1 + len(self.config.slices)
        fine = self.fine.y_hat(decoded[:first], level)
        coarse = self.coarse.y_hat(decoded[first:], level)
        return self.g_s(fine, coarse, level).astype(jnp.float32)


class Condition(nn.Module):
    """What a latent tells the one of half its sides: 3x3 stride 2, leaky ReLU, 3x3.

    `[B, h, w, M]` to `[B, h / 2, w / 2, features]`. Raises InvalidInput for odd sides.
    """

    beyond = Beyond.ANYTHING

    features: int

    @nn.compact
    def __call__(self, y: jax.Array) -> jax.Array:
        check_map(self, y)
        check_even_sides(self, y)
        x = nn.leaky_relu(conv(self.features, stride=2, name="down")(y))
        return conv(self.features, name="out")(x)


class FineAnalysis(transforms.Analysis):
    """g_a of the fine branch: `[B, H, W, 3]` to `[B, H / 16, W / 16, M_h]`, whatever the level."""

    config: TwoBranchConfig

    def packet(self) -> Sequence[np.ndarray]:
        """See `transforms.Analysis.packet`; without what the coarse branch starts with."""
        c = self.config
        *stages, last = packet((*c.widths, c.shared + sum(c.slices)))
        return [*stages, last[..., c.shared :]]


class CoarseAnalysis(transforms.Analysis):
    """g_a of the coarse branch: `[B, H, W, 3]` to `[B, H / 32, W / 32, M_l]`, whatever the level."""

    config: TwoBranchConfig

    def packet(self) -> Sequence[np.ndarray]:
        """See `transforms.Analysis.packet`; of all subbands at stride 16 the first, and those in cells once more."""
        c = self.config
        *widths, width = c.widths
        *stages, fourth, last = packet((*widths, c.shared, 4 * c.shared))
        fourth = of_sizes(fourth, widths[-1], width)
        return [*stages, fourth, of_sizes(last, width, sum(c.slices))]


class Synthesis(nn.Module):
    """g_s: y_h_hat `[B, h, w, M_h]` and y_l_hat `[B, h / 2, w / 2, M_l]` to `[B, 16 h, 16 w, 3]`.

    The two joined, it is that of one branch.
    """

    beyond = Beyond.ANYTHING

    config: TwoBranchConfig
    block: Block
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, fine: jax.Array, coarse: jax.Array, level: jax.Array) -> jax.Array:
        c = self.config
        raised, joined = linear_starts(c, [self._cells()], inverse_start) + linear_starts(
            c, [self._order()], forward_start
        )
        raise_ = remat_if(self.remat, ResidualBlockUpsample)(
            c.raised_width, c.skip_kernels[1], self.dtype, raised, name="raise"
        )
        join = conv(c.joined_width, 1, dtype=self.dtype, kernel_init=joined, name="join")
        y = join(jnp.concatenate([raise_(coarse), fine.astype(self.dtype)], axis=-1))
        whole = dataclasses.replace(c, slices=(c.joined_width,))
        return transforms.Synthesis(whole, self.block, self.dtype, self.remat, name="whole")(
            y, level
        )

    def _cells(self) -> np.ndarray:
        """The stage of the coarse branch that is undone first."""
        c = self.config
        *_, last = packet((*c.coarse_widths[:-1], c.shared, 4 * c.shared))
        return of_sizes(last, c.raised_width, sum(c.coarse_slices))

    def _order(self) -> np.ndarray:
        """`[1, 1, raised + M_h, joined]`: the subbands of both branches as one packet has them."""
        c = self.config
        coarse = np.eye(c.raised_width, c.joined_width) * (np.arange(c.joined_width) < c.shared)
        fine = np.eye(sum(c.slices), c.joined_width, c.shared)
        return np.concatenate([coarse, fine])[None, None]


FAMILY = Family(
    TwoBranch,
    VARIANTS,
    "arXiv 2401.11093, DCC 2024",
    small={
        "tiny": {
            **SMALLEST,
            "hyper_blocks": 1,
            "slices": (4, 8),
            "coarse_widths": (8, 8, 8, 8),
            "coarse_blocks": (0, 0, 0, 1),
            "coarse_slices": (4, 4),
            "condition_width": 4,
            "raised_width": 6,
            "joined_width": 14,
        },
    },
    title="two-branch",
    url="https://arxiv.org/abs/2401.11093",
    held_to="our reading",
    published=Published(
        {},
        source="its abstract: 1.2 % better than the best of its time on Kodak, at twice the speed of a checkerboard",
    ),
)
