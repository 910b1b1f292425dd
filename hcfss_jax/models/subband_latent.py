"""What WeConvene and 3DM-WeConvene share: a latent coded as its subbands, and transforms whose strides see subbands.

    g_a   x -> RBS /1 -> [RB]*b -> WeConv /2 -> [RB]*b -> WeConv /2 -> [RB]*b -> conv3x3 /2 -> subbands -> y
    g_s   y -> of subbands -> RBU x1 -> [RB]*b -> WeConv x2 -> [RB]*b -> WeConv x2 -> [RB]*b -> sub-pixel 3x3 -> x_hat
    h_a   y -> WeConv /2 -> [RB]*h -> conv3x3 /2 -> z
    h_s   z_hat -> WeConv x2 -> [RB]*h -> sub-pixel 3x3 -> map, once for mean and once for scale
    y     LL in slices; then the other subbands in slices, each given all of LL

RB, RBS, RBU: residual blocks; with a stride, upsampling. A model says which subbands.
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
from hcfss_jax.layers.residual import (
    ResidualBlockUpsample,
    ResidualBlockWithStride,
)
from hcfss_jax.layers.wavelet_start import of_sizes, packet
from hcfss_jax.layers.weconv import SubbandConv, WeConvDown, WeConvUp
from hcfss_jax.models import transforms
from hcfss_jax.models.config import ModelConfig
from hcfss_jax.models.hyperprior import Y_STRIDE, HyperpriorModel
from hcfss_jax.models.transforms import (
    HyperAnalysis,
    HyperSynthesis,
    HyperUpsampling,
    residual_block,
)


@dataclasses.dataclass(frozen=True)
class SubbandConfig(ModelConfig):
    """Sizes of a codec whose latent is coded as subbands."""

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

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = sum(self.slices), sum(self.high_slices)
        if high != 3 * low:
            raise ValueError(
                f"high_slices are of {high} channels, and LL's are of {low}: make them {3 * low}"
            )

    def channel_transform(self) -> np.ndarray | None:
        """What subbands of channels there are: `[M, M]`, a row of channels times it; None for the channels as they are.

        Transforms that start as a wavelet packet start so that the packet is what comes out of it.
        """
        return None


class SubbandModel(HyperpriorModel):
    """The model; see the module's drawing for its data flow and `HyperpriorModel` for its methods.

    Latents: z, y_low and y_high, `[B, H / 16, W / 16, M]` and `[B, H / 16, W / 16, 3 M]`, after their gains; each has
    its own entry of the bits, so that a loss can weigh them apart.
    """

    config: SubbandConfig

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
    def y_channels(self) -> int:
        """See `HyperpriorModel.y_channels`."""
        return 4 * sum(self.config.slices)

    def setup(self) -> None:
        super().setup()
        c, remat = self.config, self.remat
        block = functools.partial(residual_block, remat)
        inside, hyper_inside = self.subbands(), self.hyper_subbands()
        self.g_a = Analysis(c, block, self.dtype, remat, inside)
        self.g_s = Synthesis(c, block, self.dtype, remat, inside)
        down, up = (functools.partial(of, subbands=hyper_inside) for of in (WeConvDown, WeConvUp))
        self.h_a = HyperAnalysis(c, block, remat, down)
        h_s = functools.partial(HyperUpsampling, c, block, sum(c.slices), remat, up)
        self.h_s = HyperSynthesis(h_s)
        attention = functools.partial(remat_if(remat, GatedAttention), c.attention_dim)
        sizes = c.slices, c.parameter_hidden, PYTORCH
        self.low_slices = AttendedSlices(*sizes, attention, log_scale=False)
        self.high_slices = self.make_high_slices(attention)

    def subbands(self) -> Callable[..., nn.Module]:
        """Makes what stands inside of the WeConvs of g_a and g_s."""
        return SubbandConv

    def hyper_subbands(self) -> Callable[..., nn.Module]:
        """Makes what stands inside of those of h_a and h_s."""
        return SubbandConv

    def make_high_slices(self, attention: Callable[..., nn.Module]) -> AttendedSlices:
        """The entropy model of the subbands above LL. attention: makes a gate, where one is wanted."""
        raise NotImplementedError

    def to_subbands(self, y: jax.Array) -> jax.Array:
        """`[B, H / 8, W / 8, M]` to `[B, H / 16, W / 16, 4 M]`, LL first."""
        raise NotImplementedError

    def from_subbands(self, bands: jax.Array) -> jax.Array:
        """The inverse."""
        raise NotImplementedError

    def unscaled(self, x: jax.Array, level: jax.Array, given: Mapping[str, jax.Array] = {}) -> Any:
        """The subbands of what g_a makes of images."""
        return self.to_subbands(super().unscaled(x, level, given))

    def scaled(self, unscaled: Any, level: jax.Array) -> Latents:
        """See `CompressionModel.scaled`."""
        y = unscaled * self.gain_y(level)
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

    def y_hat(self, decoded: Decoded, level: jax.Array) -> jax.Array:
        """See `HyperpriorModel.y_hat`."""
        return self.from_subbands(super().y_hat(decoded, level))


class Analysis(transforms.Analysis):
    """g_a: `[B, H, W, 3]` to `[B, H / 8, W / 8, M]`, whatever the level."""

    config: SubbandConfig
    subbands: Callable[..., nn.Module] = SubbandConv
    """Makes what stands inside of the WeConvs."""

    def down(self, stage: int) -> Callable[..., nn.Module]:
        """See `transforms.Analysis.down`; the first keeps the sides of the picture."""
        if stage == 0:
            widen = remat_if(self.remat, ResidualBlockWithStride)
            return functools.partial(widen, skip_kernel=1, stride=1)
        layer = remat_if(self.remat, WeConvDown)
        skip_kernel = self.config.skip_kernels[0]
        return functools.partial(layer, skip_kernel=skip_kernel, subbands=self.subbands)

    def packet(self) -> Sequence[np.ndarray]:
        """See `transforms.Analysis.packet`; the first leaves the picture as it is."""
        c = self.config
        first, second, third = _packet(c)
        if (basis := c.channel_transform()) is not None:
            third = third @ np.linalg.inv(basis)
        return [
            np.eye(3, c.widths[0])[None, None],
            of_sizes(first, c.widths[0], c.widths[1]),
            second,
            third,
        ]


class Synthesis(transforms.Synthesis):
    """g_s: `[B, H / 8, W / 8, M]` to `[B, H, W, 3]`, whatever the level."""

    config: SubbandConfig
    subbands: Callable[..., nn.Module] = SubbandConv
    """Makes what stands inside of the WeConvs."""

    def stages(self) -> list[tuple[int, int]]:
        """See `transforms.Synthesis.stages`."""
        return list(zip(self.config.decoder_widths, self.config.decoder_blocks, strict=True))

    def up(self, stage: int) -> Callable[..., nn.Module]:
        """See `transforms.Synthesis.up`; that of the coarsest stage keeps the sides of y."""
        skip_kernel = self.config.skip_kernels[1]
        if stage == 2:
            mix = remat_if(self.remat, ResidualBlockUpsample)
            return functools.partial(mix, skip_kernel=skip_kernel, factor=1)
        layer = remat_if(self.remat, WeConvUp)
        return functools.partial(layer, skip_kernel=skip_kernel, subbands=self.subbands)

    def packet(self) -> Sequence[np.ndarray]:
        """See `transforms.Synthesis.packet`; the last of what is inverted leaves y, or its subbands, as it is."""
        c = self.config
        fine, middle, coarse = c.decoder_widths
        first, second, third = _packet(c)
        kept = np.eye(coarse, sum(c.slices))
        if (basis := c.channel_transform()) is not None:
            kept = kept @ basis.T
        return [
            of_sizes(first, 3, fine),
            of_sizes(second, fine, middle),
            of_sizes(third, middle, coarse),
            kept[None, None],
        ]


def _packet(c: SubbandConfig) -> tuple[np.ndarray, ...]:
    """From strides 1 to 2, 2 to 4, and 4 to 8, where the latent's own subbands go on."""
    return packet((*c.widths[1:], sum(c.slices)))
