"""ROI Swin (Li et al., ICASSP 2023, arXiv 2305.07783): Swin transforms that a mask of what is of interest runs through.

    prior   [mask | x] -> conv3x3 /2, five times -> maps p at strides 2 to 32
    g_a     x -> conv5x5 /2 -> RSTB*2 -> SFT(p) -> conv3x3 /2 -> RSTB*4 -> SFT(p) -> conv3x3 /2 -> RSTB*6 -> SFT(p)
              -> conv3x3 /2 -> SFT block(p) -> y
    h_a     y -> conv3x3 -> RSTB*2 -> SFT(p) -> conv3x3 /2 -> RSTB*2 -> SFT(p) -> conv3x3 /2 -> z
    h_s     z_hat -> deconv3x3 x2 -> RSTB*2 -> deconv3x3 x2 -> RSTB*2 -> conv3x3 -> one map
    g_s     y_hat -> SFT block(q) -> deconv3x3 x2 -> RSTB*6 -> SFT(q) -> deconv3x3 x2 -> RSTB*4 -> SFT(q)
              -> deconv3x3 x2 -> RSTB*2 -> SFT(q) -> deconv5x5 x2 -> x_hat
    coded   (the mask, where it is sent;) z; y, all channels in the two passes of one checkerboard

What the decoder knows of the mask, `decoder_mask`:

    none      nothing, and there is no q
    derived   what q = convs [deconvs(z_hat) | y_hat] can make out of what was decoded
    sent      the mask itself, in cells as large as a position of y or z: a latent of its own with a learned density,
              its differences in both directions, which are 0 but at corners. So y may be coarser outside by gains that
              both sides know, the entropy model is told, and q = convs [convs(mask) | y_hat]

Known, from the abstract: a Swin autoencoder; a binary mask, which several layers are told of; a Lagrange multiplier
inside of it and another outside. No code is public, and no figure known. All else is our reading:

    SFT, priors, a decoder without the mask   the codec of quality maps (Song et al., ICCV 2021), which the paper names
                                              as what moved it; SFT is held to recorded outputs of its code
    layout, widths, stochastic depth          TIC's; groups of SwinV1 blocks
    entropy model                             a checkerboard and ELIC's 1x1 nets, as in SwinV2's file
    the mask as a latent, gains that hang on it   ours: what a decoder has to learn otherwise, it is told
    all rates by gains                        a level is that of what is of interest, and an error outside counts less
                                              by one factor at all levels (`train/region.py`)
    no mask                                   is a mask of 1 everywhere: all of the picture is of interest
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.distributions import Factorised
from hcfss_jax.entropy.factorised import FactorisedPrior
from hcfss_jax.entropy.plan import CHECKERBOARD, Passes, Plan, Step
from hcfss_jax.entropy.space_channel import SpaceChannelSlices
from hcfss_jax.entropy.steps import Decoded, Latents, Prediction
from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.convolution import conv
from hcfss_jax.layers.drop_path import dealt, linear_rates
from hcfss_jax.layers.residual_group import RSTB
from hcfss_jax.layers.sft import SFT, SFTBlock, pooled_to
from hcfss_jax.layers.transposed_conv import TransposedConv
from hcfss_jax.models.config import SMALLEST, TINY, check_heads
from hcfss_jax.models.family import Family, Published
from hcfss_jax.models.hyperprior import Y_STRIDE, HyperpriorModel
from hcfss_jax.models.side_inputs import mask_of
from hcfss_jax.models.swin_transforms import (
    GroupConfig,
    GroupedAnalysis,
    GroupedHyperAnalysis,
    GroupedHyperSynthesis,
    GroupedSynthesis,
    Rates,
)


@dataclasses.dataclass(frozen=True)
class RegionConfig(GroupConfig):
    """Sizes of a ROI Swin."""

    widths: tuple[int, int, int] = (128, 128, 128)
    blocks: tuple[int, int, int] = (2, 4, 6)
    hyper_width: int = 128
    hyper_blocks: int = 2
    """Of each of the two groups of h_a, and of h_s."""
    hyper_heads: int = 16
    hyper_channels: int = 128
    hyper_features: int = 384
    """Channels of what h_s tells the entropy model."""
    slices: tuple[int, ...] = (192,)
    """See `SwinV2Config.slices`."""
    fusion_hidden: tuple[int, ...] = (640, 512)
    """Channels inside of the net of 1x1 convolutions that gives mean and scale."""
    drop_path: float = 0.2
    """Probability of an image to go past the last block in training; see `drop_path`."""
    prior_width: int = 64
    """Channels of what layers are told of the mask."""
    sft_hidden: int = 128
    """Channels inside of a spatial feature transform."""
    latent_blocks: int = 1
    """SFT blocks behind g_a, and before g_s where the decoder knows of a mask; the quality-map codec has such."""
    decoder_mask: Literal["none", "derived", "sent"] = "derived"
    """What the decoder knows of the mask; the paper is silent, and the quality-map codec derives it."""
    mask_stride: Literal[16, 64] = 16
    """Pixels, in height and width, of a cell of a mask that is sent: y's or z's. A cell of one half is of none."""
    background_gain: float = 1.15
    """Logarithm at which the gains of y start to be smaller where a mask that is sent is 0: that of the root of 10, by
    which the best step of an orthonormal transform grows where an error counts a tenth."""

    def __post_init__(self) -> None:
        """See `GroupConfig`; of the hyperprior too."""
        super().__post_init__()
        check_heads("hyper_heads", self.hyper_heads, self.hyper_width)


VARIANTS = {
    "tiny": RegionConfig(
        **TINY | {"widths": (16, 48, 64), "blocks": (0, 1, 2), "slices": (128,), "hyper_blocks": 1},
        heads=(1, 4, 4),
        mlp_ratio=2,
        hyper_heads=2,
        hyper_features=96,
        fusion_hidden=(160, 128),
        drop_path=0.0,
        prior_width=16,
        sft_hidden=16,
        decoder_mask="sent",
    ),
    "base": RegionConfig(),
}


class Sent(NamedTuple):
    """What a mask that is sent leaves for the steps after it, and for g_s."""

    cells: jax.Array
    """0 or 1 at each position of y, `[B, H / 16, W / 16, 1]`."""
    told: jax.Array
    """What convolutions make of them, `[B, H / 16, W / 16, prior_width]`."""


class Hyper(NamedTuple):
    """What z leaves for the steps after it, and for g_s."""

    told: tuple[jax.Array, ...]
    """What h_s says, see `entropy.space_channel.Hyper`."""
    mask: jax.Array | None
    """What is known of the mask, `[B, H / 16, W / 16, prior_width]`; None for nothing."""


class RegionSwin(HyperpriorModel):
    """The model; see the module's drawing for its data flow and `HyperpriorModel` for its methods."""

    config: RegionConfig

    @property
    def takes(self) -> tuple[str, ...]:
        """See `CompressionModel.takes`."""
        return ("mask",)

    @property
    def sent(self) -> bool:
        """Whether the first step codes the mask."""
        return self.config.decoder_mask == "sent"

    @property
    def plan(self) -> Plan:
        """The mask, where it is sent; z; y."""
        mask = Step("mask", 0, 1, self.config.mask_stride, distribution=Factorised)
        return (mask,) * self.sent + super().plan

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
        self.encoder_prior = MaskPrior(c.prior_width, self.dtype)
        self.g_a = Analysis(c, tuple(main), self.dtype, remat)
        self.encoder_blocks = [SFTBlock(c.sft_hidden, self.dtype) for _ in range(c.latent_blocks)]
        self.h_a = HyperAnalysis(c, (first, second), remat)
        first, second, *main = dealt(rates, (*hyper, *c.blocks[::-1]))
        self.h_s = HyperSynthesis(c, (first, second), c.hyper_features, remat)
        self.g_s = Synthesis(c, tuple(main), self.dtype, remat, sub_pixel=False)
        self.slices = SpaceChannelSlices(c.slices, hidden=c.fusion_hidden)
        if c.decoder_mask == "none":
            return
        self.coarse_prior = CoarsePrior(c.prior_width, 0 if self.sent else 2)
        finest = next((i for i, blocks in enumerate(c.blocks) if blocks), len(c.blocks))
        self.decoder_prior = DecodedPrior(c.prior_width, finest, self.dtype)
        self.decoder_blocks = [SFTBlock(c.sft_hidden, self.dtype) for _ in range(c.latent_blocks)]
        if self.sent:
            self.mask_density = FactorisedPrior(1, c.prior_filters)
            gains = (MaskGain(sum(c.slices), s * c.background_gain) for s in (-1, 1))
            self.encoder_mask_gain, self.decoder_mask_gain = gains

    @property
    def level_only_scales(self) -> bool:
        """What a mask says goes along both transforms: they are one pass."""
        return False

    def analyse(
        self, x: jax.Array, level: jax.Array, given: Mapping[str, jax.Array] = {}
    ) -> Latents:
        """See `CompressionModel.analyse`. given: "mask", see `side_inputs`."""
        self.check(x, level)
        mask = mask_of(self, given, x)
        *fine, middle, coarse = self.encoder_prior(jnp.concatenate([mask, x], axis=-1))
        y = self.g_a(x, level, fine)
        for block in self.encoder_blocks:
            y = block(y, middle)
        y = y.astype(jnp.float32) * self.gain_y(level)
        if not self.sent:
            return {"z": self.h_a(y, (middle, coarse)) * self.gain_z(level), "y": y}
        stride = self.config.mask_stride
        cells = jnp.round(pooled_to(mask, x.shape[1] // stride, x.shape[2] // stride))
        y = y * self.encoder_mask_gain(self._at_y(cells))
        z = self.h_a(y, (middle, coarse)) * self.gain_z(level)
        return {"mask": differences(cells), "z": z, "y": y}

    def predict(self, step: int, level: jax.Array, decoded: Decoded) -> Prediction:
        """See `CompressionModel.predict`."""
        if step < self.sent:
            return Prediction(self.mask_density())
        if step == self.sent:
            return super().predict(0, level, ())
        hyper, *slices = decoded[self.sent :]
        return super().predict(step - self.sent, level, (hyper.told, *slices))

    def refine(
        self, step: int, level: jax.Array, decoded: Decoded, features: Any, quantised: jax.Array
    ) -> Any:
        """Of the mask what is `Sent`; of z a `Hyper`; of a pass over y what the entropy model says."""
        if step < self.sent:
            cells = self._at_y(sums(quantised))
            return Sent(cells, self.coarse_prior(cells))
        if step > self.sent:
            return self.slices.refine(step - self.sent - 1, features, quantised)
        z = quantised * self.inverse_gain_z(level)
        told = self.h_s(z)
        if self.sent:
            return Hyper((*told, decoded[0].told), decoded[0].told)
        derived = self.config.decoder_mask == "derived"
        return Hyper(told, self.coarse_prior(z) if derived else None)

    def synthesise(self, decoded: Decoded, level: jax.Array) -> jax.Array:
        """See `CompressionModel.synthesise`."""
        hyper: Hyper = decoded[self.sent]
        y = self.y_hat(decoded[self.sent :], level)
        if self.sent:
            y = y * self.decoder_mask_gain(decoded[0].cells)
        if hyper.mask is None:
            return self.g_s(y, level).astype(jnp.float32)
        fine, middle = self.decoder_prior(jnp.concatenate([hyper.mask, y], axis=-1))
        for block in self.decoder_blocks:
            y = block(y, middle)
        return self.g_s(y, level, fine).astype(jnp.float32)

    def _at_y(self, cells: jax.Array) -> jax.Array:
        """A mask in cells, at the positions of y."""
        times = self.config.mask_stride // Y_STRIDE
        return jnp.repeat(jnp.repeat(cells, times, axis=1), times, axis=2) if times > 1 else cells


def differences(cells: jax.Array) -> jax.Array:
    """Along height and along width, of a map `[B, h, w, C]` with zeros before it. Of 0 and 1: whole numbers."""
    for axis in (1, 2):
        before = [(int(i == axis), 0) for i in range(4)]
        cells = jnp.diff(jnp.pad(cells, before), axis=axis)
    return cells


def sums(found: jax.Array) -> jax.Array:
    """The inverse of `differences`; of whole numbers exact."""
    return jnp.cumsum(jnp.cumsum(found, axis=1), axis=2)


class MaskGain(nn.Module):
    """A learned positive factor for each channel where a mask is 0, and 1 where it is 1."""

    beyond = Beyond.ANYTHING

    channels: int
    start: float
    """Logarithm."""

    @nn.compact
    def __call__(self, cells: jax.Array) -> jax.Array:
        """`[B, h, w, 1]` to `[B, h, w, channels]`."""
        start = nn.initializers.constant(self.start)
        log_factor = self.param("log_factor", start, (self.channels,), jnp.float32)
        return jnp.exp((1 - cells) * log_factor[None, None, None])


class MaskPrior(nn.Module):
    """[mask | picture] `[B, H, W, 4]` to what layers are told at strides 2, 4, 8, 16 and 32, `features` channels each.

    The quality-map codec's stacks of convolutions, each with a leaky ReLU of slope 0.1, as one chain.
    """

    beyond = Beyond.ANYTHING

    features: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> list[jax.Array]:
        found = []
        for i in range(5):
            down = conv(self.features, stride=2, dtype=self.dtype, name=f"down{i + 1}")
            found.append(x := nn.leaky_relu(down(x), 0.1))
        return found


class CoarsePrior(nn.Module):
    """z_hat, or a mask in cells of 16, to what it says of the mask at stride 16, `features` channels, float32."""

    beyond = Beyond.ANYTHING

    features: int
    doublings: int
    """How often its sides have to be doubled to get there."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.leaky_relu(conv(self.features, name="in")(x), 0.1)
        for i in range(self.doublings):
            x = nn.leaky_relu(TransposedConv(self.features, name=f"up{i + 1}")(x), 0.1)
        return x


class DecodedPrior(nn.Module):
    """[what is known coarsely | y_hat], at stride 16, to what g_s is told at strides 2, 4 and 8; and at 16."""

    beyond = Beyond.ANYTHING

    features: int
    finest: int
    """The first stage of g_s that is told anything, 0 at stride 2; finer ones are None."""
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[list[jax.Array | None], jax.Array]:
        x = coarse = nn.leaky_relu(conv(self.features, dtype=self.dtype, name="in")(x), 0.1)
        found: list[jax.Array | None] = [None] * 3
        for i in range(2, self.finest - 1, -1):
            up = TransposedConv(self.features, dtype=self.dtype, name=f"up{i + 1}")
            found[i] = x = nn.leaky_relu(up(x), 0.1)
        return found, coarse


def told_of_mask(
    c: RegionConfig, number: int, dtype: str | None, x: jax.Array, told: Any
) -> jax.Array:
    """A map behind its spatial feature transform. number: of the group before it. told: a map; None for no mask."""
    return x if told is None else SFT(c.sft_hidden, dtype, name=f"sft{number}")(x, told)


def group(c: RegionConfig, stage: int, rates: Rates, dtype: str, remat: bool) -> nn.Module:
    """The RSTB of a stage of g_a or g_s, from 0 at the finest."""
    head_dim = c.widths[stage] // c.heads[stage]
    return RSTB(rates, head_dim, c.window, c.mlp_ratio, dtype, remat, name=f"group{stage + 1}")


def hyper_group(c: RegionConfig, number: int, rates: Rates, remat: bool) -> nn.Module:
    """One of the hyperprior's, float32."""
    head_dim = c.hyper_width // c.hyper_heads
    return RSTB(rates, head_dim, c.window, c.mlp_ratio, None, remat, name=f"group{number}")


class Analysis(GroupedAnalysis):
    """`GroupedAnalysis` with RSTBs. told: maps at strides 2, 4 and 8."""

    config: RegionConfig

    def grouped(self, stage: int, rates: Rates, x: jax.Array, told: Any) -> jax.Array:
        """See `GroupedAnalysis.grouped`."""
        x = group(self.config, stage, rates, self.dtype, self.remat)(x)
        return told_of_mask(self.config, stage + 1, self.dtype, x, told[stage])


class Synthesis(GroupedSynthesis):
    """`GroupedSynthesis` with RSTBs. told: maps at strides 2, 4 and 8, or None."""

    config: RegionConfig

    def grouped(self, stage: int, rates: Rates, x: jax.Array, told: Any) -> jax.Array:
        """See `GroupedAnalysis.grouped`."""
        x = group(self.config, stage, rates, self.dtype, self.remat)(x)
        return told_of_mask(self.config, stage + 1, self.dtype, x, told and told[stage])


class HyperAnalysis(GroupedHyperAnalysis):
    """`GroupedHyperAnalysis` with RSTBs. told: maps at strides 16 and 32."""

    config: RegionConfig

    def grouped(self, number: int, rates: Rates, x: jax.Array, told: Any) -> jax.Array:
        """See `GroupedHyperAnalysis.grouped`."""
        x = hyper_group(self.config, number, rates, self.remat)(x)
        return told_of_mask(self.config, number, None, x, told[number - 1])


class HyperSynthesis(GroupedHyperSynthesis):
    """`GroupedHyperSynthesis` with RSTBs."""

    config: RegionConfig

    def grouped(self, number: int, rates: Rates, x: jax.Array) -> jax.Array:
        """See `GroupedHyperSynthesis.grouped`."""
        return hyper_group(self.config, number, rates, self.remat)(x)


FAMILY = Family(
    RegionSwin,
    VARIANTS,
    "Li et al., ICASSP 2023, arXiv 2305.07783",
    small={
        "tiny": {
            **SMALLEST,
            "blocks": (0, 1, 2),
            "heads": (1, 2, 2),
            "window": 4,
            "hyper_blocks": 2,
            "hyper_heads": 2,
            "hyper_features": 8,
            "fusion_hidden": (12,),
            "slices": (8,),
            "prior_width": 4,
            "sft_hidden": 6,
        },
    },
    title="ROI",
    url="https://arxiv.org/abs/2305.07783",
    held_to="our reading; SFT to the code of the codec of quality maps",
    published=Published({}, source="no figures are known to us"),
)
