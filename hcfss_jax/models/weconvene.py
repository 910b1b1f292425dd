"""WeConvene (Fu et al., ECCV 2024, arXiv 2407.09983): convolutions in the Haar domain, and a latent coded in it.

    g_a   x -> RBS /1 -> [RB]*b -> WeConv /2 -> [RB]*b -> WeConv /2 -> [RB]*b -> conv3x3 /2 -> Haar -> y
    g_s   y -> inverse Haar -> RBU x1 -> [RB]*b -> WeConv x2 -> [RB]*b -> WeConv x2 -> [RB]*b -> sub-pixel 3x3 -> x_hat
    h_a   y -> WeConv /2 -> [RB]*h -> conv3x3 /2 -> z
    h_s   z_hat -> WeConv x2 -> [RB]*h -> sub-pixel 3x3 -> map, once for mean and once for scale
    y     LL in slices as TCM's; then the other subbands in slices, each given all of LL; the gates see through RBs

RB, RBS, RBU: residual blocks; with a stride, upsampling. Function and parameters are those of the authors' code
(github.com/fengyurenpingsheng/WeConvene), so that its weights can be imported.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.entropy.channel_slices import AttendedSlices
from hcfss_jax.entropy.plan import Plan, in_slices
from hcfss_jax.entropy.steps import Decoded, Latents, Prediction
from hcfss_jax.layers.gated_attention import GatedAttention
from hcfss_jax.layers.numerics import PYTORCH
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.layers.residual import ResidualBlockUpsample, ResidualBlockWithStride
from hcfss_jax.layers.wavelet_start import of_sizes, packet
from hcfss_jax.layers.weconv import SpareConv, WeConvDown, WeConvUp
from hcfss_jax.models import transforms
from hcfss_jax.models.config import PORTED, SMALLEST, SMALLEST_PORTED, TINY, ModelConfig
from hcfss_jax.models.family import Family
from hcfss_jax.models.hyperprior import Y_STRIDE, HyperpriorModel
from hcfss_jax.models.transforms import (
    HyperAnalysis,
    HyperSynthesis,
    HyperUpsampling,
    residual_block,
)
from hcfss_jax.ops import haar, inverse_haar


@dataclasses.dataclass(frozen=True)
class WeConveneConfig(ModelConfig):
    """Sizes of a WeConvene."""

    widths: tuple[int, int, int] = (128, 128, 128)
    """Channels of g_a at strides 1, 2 and 4."""
    blocks: tuple[int, int, int] = (3, 3, 3)
    """Blocks of g_a at strides 1, 2 and 4."""
    decoder_widths: tuple[int, int, int] = (128, 128, 128)
    """Channels of g_s at strides 2, 4 and 8."""
    decoder_blocks: tuple[int, int, int] = (3, 3, 3)
    """Blocks of g_s at strides 2, 4 and 8."""
    hyper_width: int = 128
    hyper_blocks: int = 3
    slices: tuple[int, ...] = (64, 64, 64, 64, 64)
    """Of LL. Together they are the channels at stride 8, and of what h_s says."""
    high_slices: tuple[int, ...] = (192, 192, 192, 192, 192)
    """Of [LH | HL | HH], three times as many channels; borders of slices need not be those of subbands."""
    attention_dim: int = 128
    """Channels inside of the gated attention."""
    spare_convolutions: bool = False
    """Hold the second 3x3 convolution that each WeConv of the authors' g_a and h_a has and never applies, so that
    their weights come and go whole."""

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = sum(self.slices), sum(self.high_slices)
        if high != 3 * low:
            raise ValueError(
                f"high_slices are of {high} channels, and LL's are of {low}: make them {3 * low}"
            )


VARIANTS = {
    "tiny": WeConveneConfig(
        **TINY | {"widths": (8, 24, 48), "blocks": (0, 0, 1), "slices": (16, 16)},
        decoder_widths=(24, 48, 64),
        decoder_blocks=(0, 0, 1),
        high_slices=(32, 32, 32),
        attention_dim=16,
    ),
    "base": WeConveneConfig(**PORTED, spare_convolutions=True),
}


class WeConvene(HyperpriorModel):
    """The model; see the module's drawing for its data flow and `HyperpriorModel` for its methods.

    Latents: z, y_low and y_high, `[B, H / 16, W / 16, M]` and `[B, H / 16, W / 16, 3 M]`, after their gains; each has
    its own entry of the bits, so that a loss can weigh them apart.
    """

    config: WeConveneConfig

    @property
    def plan(self) -> Plan:
        """z, then the slices of LL, then those of the other subbands."""
        c = self.config
        low, high = (
            in_slices("y_low", c.slices, Y_STRIDE),
            in_slices("y_high", c.high_slices, Y_STRIDE),
        )
        return (super().plan[0], *low, *high)

    @property
    def paddable(self) -> bool:
        """Convolutions can do without what lies beyond a picture, and Haar's cells divide its sides."""
        return True

    @property
    def y_channels(self) -> int:
        """See `HyperpriorModel.y_channels`."""
        return 4 * sum(self.config.slices)

    def setup(self) -> None:
        super().setup()
        c, remat = self.config, self.remat
        block = functools.partial(residual_block, remat)
        self.g_a = Analysis(c, block, self.dtype, remat)
        self.g_s = Synthesis(c, block, self.dtype, remat)
        self.h_a = HyperAnalysis(c, block, remat, WeConvDown)
        h_s = functools.partial(HyperUpsampling, c, block, sum(c.slices), remat, WeConvUp)
        self.h_s = HyperSynthesis(h_s)
        attention = functools.partial(remat_if(remat, GatedAttention), c.attention_dim)
        sizes = c.parameter_hidden, PYTORCH, attention
        self.low_slices = AttendedSlices(c.slices, *sizes, log_scale=False)
        self.high_slices = HighSlices(c.high_slices, *sizes, log_scale=False, low=sum(c.slices))
        widths = (*c.widths[1:], c.hyper_width) if c.spare_convolutions else ()
        self.spare = [SpareConv(width) for width in widths]

    def analyse(
        self, x: jax.Array, level: jax.Array, given: Mapping[str, jax.Array] = {}
    ) -> Latents:
        """See `CompressionModel.analyse`."""
        self.check(x, level)
        for held in self.spare:
            held()
        y = haar(self.g_a(x, level).astype(jnp.float32)) * self.gain_y(level)
        low, high = jnp.split(y, [sum(self.config.slices)], axis=-1)
        return {"z": self.h_a(y) * self.gain_z(level), "y_low": low, "y_high": high}

    def predict(self, step: int, level: jax.Array, decoded: Decoded) -> Prediction:
        """See `CompressionModel.predict`."""
        if step == 0:
            return super().predict(step, level, decoded)
        (hyper, *parts), lows = decoded, len(self.config.slices)
        slices, number = self._slice(step)
        if slices is self.high_slices:
            parts = [jnp.concatenate(parts[:lows], axis=-1), *parts[lows:]]
        return slices.predict(number, hyper, tuple(parts))

    def refine(
        self, step: int, level: jax.Array, decoded: Decoded, features: Any, quantised: jax.Array
    ) -> Any:
        """Of z what the hyperprior tells the slices, h_s; of a slice its part of y_hat."""
        if step == 0:
            return super().refine(step, level, decoded, features, quantised)
        slices, number = self._slice(step)
        return slices.refine(number, features, quantised)

    def modules_of_step(self, step: int) -> Mapping[str, nn.Module]:
        """See `CompressionModel.modules_of_step`."""
        if step == 0:
            return {}
        slices, number = self._slice(step)
        return slices.modules_of_slice(number)

    def _slice(self, step: int) -> tuple[AttendedSlices, int]:
        """Whose slice a step after z codes, and its number there."""
        lows = len(self.config.slices)
        if step <= lows:
            return self.low_slices, step - 1
        return self.high_slices, step - 1 - lows

    def synthesise(self, decoded: Decoded, level: jax.Array) -> jax.Array:
        """See `CompressionModel.synthesise`."""
        y_hat = jnp.concatenate(decoded[1:], axis=-1) * self.inverse_gain_y(level)
        return self.g_s(inverse_haar(y_hat), level).astype(jnp.float32)


class HighSlices(AttendedSlices):
    """Slices of [LH | HL | HH], which see LL beside those before them.

        concat(hyper features, LL, decoded slices < i) -> attention -> 3 convolutions

    The attention lets through as many channels fewer as LL has; latent residual prediction sees LL itself again.
    """

    low: int = 0
    """Channels of LL, and of each map of the hyperprior."""

    def attentions(self) -> list[nn.Module]:
        """See `AttendedSlices.attentions`."""
        return [
            self.attention(features=self.low + sum(self.slices[:i]))
            for i in range(len(self.slices))
        ]

    def predict(
        self, number: int, hyper: tuple[jax.Array, jax.Array], decoded: Decoded
    ) -> Prediction:
        """See `ChannelSlices.predict`; decoded: all of LL, then the slices before."""
        prediction = super().predict(number, hyper, decoded)
        return prediction._replace(
            features=jnp.concatenate([decoded[0], prediction.features], axis=-1)
        )


class Analysis(transforms.Analysis):
    """g_a: `[B, H, W, 3]` to `[B, H / 8, W / 8, M]`, whatever the level."""

    config: WeConveneConfig

    def down(self, stage: int) -> Callable[..., nn.Module]:
        """See `transforms.Analysis.down`; the first keeps the sides of the picture."""
        if stage == 0:
            widen = remat_if(self.remat, ResidualBlockWithStride)
            return functools.partial(widen, skip_kernel=1, stride=1)
        layer = remat_if(self.remat, WeConvDown)
        return functools.partial(layer, skip_kernel=self.config.skip_kernels[0])

    def packet(self) -> Sequence[np.ndarray]:
        """See `transforms.Analysis.packet`; the first leaves the picture as it is."""
        c = self.config
        first, second, third = _packet(c)
        return [
            np.eye(3, c.widths[0])[None, None],
            of_sizes(first, c.widths[0], c.widths[1]),
            second,
            third,
        ]


class Synthesis(transforms.Synthesis):
    """g_s: `[B, H / 8, W / 8, M]` to `[B, H, W, 3]`, whatever the level."""

    config: WeConveneConfig

    def stages(self) -> list[tuple[int, int]]:
        """See `transforms.Synthesis.stages`."""
        return list(zip(self.config.decoder_widths, self.config.decoder_blocks, strict=True))

    def up(self, stage: int) -> Callable[..., nn.Module]:
        """See `transforms.Synthesis.up`; that of the coarsest stage keeps the sides of y."""
        skip_kernel = self.config.skip_kernels[1]
        if stage == 2:
            mix = remat_if(self.remat, ResidualBlockUpsample)
            return functools.partial(mix, skip_kernel=skip_kernel, factor=1)
        return functools.partial(remat_if(self.remat, WeConvUp), skip_kernel=skip_kernel)

    def packet(self) -> Sequence[np.ndarray]:
        """See `transforms.Synthesis.packet`; the last of what is inverted leaves y as it is."""
        c = self.config
        fine, middle, coarse = c.decoder_widths
        first, second, third = _packet(c)
        return [
            of_sizes(first, 3, fine),
            of_sizes(second, fine, middle),
            of_sizes(third, middle, coarse),
            np.eye(coarse, sum(c.slices))[None, None],
        ]


def _packet(c: WeConveneConfig) -> tuple[np.ndarray, ...]:
    """From strides 1 to 2, 2 to 4, and 4 to 8, where the model's own Haar transform goes on."""
    return packet((*c.widths[1:], sum(c.slices)))


FAMILY = Family(
    WeConvene,
    VARIANTS,
    "Fu et al., ECCV 2024, arXiv 2407.09983",
    small={
        "tiny": {
            **SMALLEST,
            "hyper_blocks": 1,
            "decoder_widths": (8, 8, 8),
            "decoder_blocks": (1, 0, 1),
            "slices": (2, 4),
            "high_slices": (8, 10),
            "attention_dim": 8,
        },
        "base": {
            **SMALLEST_PORTED,
            "attention_dim": 8,
            "decoder_widths": (8, 8, 8),
            "decoder_blocks": (1, 0, 1),
            "high_slices": (14, 16),
        },
    },
)
