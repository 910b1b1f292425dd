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
from collections.abc import Callable, Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.channel_slices import AttendedSlices
from hcfss_jax.entropy.steps import Decoded, Latents, Prediction
from hcfss_jax.layers.numerics import PYTORCH
from hcfss_jax.layers.weconv import SpareConv
from hcfss_jax.models.config import PORTED, SMALLEST, SMALLEST_PORTED, TINY
from hcfss_jax.models.family import Family, Published
from hcfss_jax.models.subband_latent import SubbandConfig, SubbandModel
from hcfss_jax.ops import haar, inverse_haar


@dataclasses.dataclass(frozen=True)
class WeConveneConfig(SubbandConfig):
    """Sizes of a WeConvene."""

    spare_convolutions: bool = False
    """Hold the second 3x3 convolution that each WeConv of the authors' g_a and h_a has and never applies, so that
    their weights come and go whole."""


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


class WeConvene(SubbandModel):
    """The model; see the module's drawing for its data flow and `SubbandModel` for its latents and methods."""

    config: WeConveneConfig

    @property
    def paddable(self) -> bool:
        """Convolutions can do without what lies beyond a picture, and Haar's cells divide its sides."""
        return True

    def setup(self) -> None:
        super().setup()
        c = self.config
        widths = (*c.widths[1:], c.hyper_width) if c.spare_convolutions else ()
        self.spare = [SpareConv(width) for width in widths]

    def analyse(
        self, x: jax.Array, level: jax.Array, given: Mapping[str, jax.Array] = {}
    ) -> Latents:
        """See `CompressionModel.analyse`."""
        for held in self.spare:
            held()
        return super().analyse(x, level, given)

    def make_high_slices(self, attention: Callable[..., nn.Module]) -> AttendedSlices:
        """See `SubbandModel.make_high_slices`."""
        c = self.config
        sizes, low = (c.high_slices, c.parameter_hidden, PYTORCH), sum(c.slices)
        return HighSlices(*sizes, attention, log_scale=False, low=low)

    def to_subbands(self, y: jax.Array) -> jax.Array:
        """See `SubbandModel.to_subbands`."""
        return haar(y)

    def from_subbands(self, bands: jax.Array) -> jax.Array:
        """See `SubbandModel.from_subbands`."""
        return inverse_haar(bands)


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
    title="WeConvene",
    url="https://arxiv.org/abs/2407.09983",
    held_to="authors' code",
    published=Published(
        {"Kodak": -9.11, "Tecnick": -9.46, "CLIC": -9.20},
        "VVC",
        "its authors' repository; its abstract says -8.2 % on Kodak",
        curve="WeConvene",
    ),
)
