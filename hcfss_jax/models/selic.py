"""SELIC (Fu et al., ICME 2025, arXiv 2504.01279): an encoder that is told in words what the picture shows.

    g_a    x -> RBS /2 -> [RB]*b -> RBS /2 -> [RB]*b -> RBS /2 -> [RB]*b -> conv3x3 /2
    fusion text [768] -> dense, GELU, dense -> e at every position;  y = g_a(x) + conv1x1 [g_a(x) | e]
    g_s    y_hat -> RBU -> [RB]*b -> RBU -> [RB]*b -> RBU -> [RB]*b -> sub-pixel 3x3 -> x_hat
    h_a    y -> RBS -> [RB]*h -> conv3x3 /2 -> z
    h_s    z_hat -> RBU -> [RB]*h -> sub-pixel 3x3 -> map, once for mean and once for scale
    y      slices of channels; 3 convolutions for mean and scale of each; latent residual prediction

The decoder is that of the codec without a text, and is told of none; nothing is sent of it. Without a text, or with
zeros, the model is that codec to the bit, before training and after (`layers/text_fusion.py`).

Known, from the abstract and from notes of others: a captioner and a text encoder, both frozen (BLIP and BERT), make an
embedding of a fixed size, which is fused with the latent before it is quantised; the decoder stays as it is. No code is
public. All else is our reading; the paper is silent, or we have not seen it say so:

    fusion      as drawn, at the place where h_a sees its result; its last convolution starts at 0
    base codec  the plain codec of the same group's WeConvene: its residual blocks, strides and widths without wavelets,
                channels conditional on each other without attention (Minnen and Singh 2020)
    texts       an input: whoever has a captioner and its text encoder gives 768 numbers (`hcfss_jax/texts`)
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from hcfss_jax.entropy.channel_slices import PlainSlices
from hcfss_jax.layers.numerics import PYTORCH
from hcfss_jax.layers.text_fusion import TextFusion
from hcfss_jax.models.config import SMALLEST, TINY, ModelConfig
from hcfss_jax.models.family import Family, Published
from hcfss_jax.models.hyperprior import HyperpriorModel
from hcfss_jax.models.side_inputs import text_of
from hcfss_jax.models.transforms import (
    Analysis,
    HyperAnalysis,
    HyperSynthesis,
    HyperUpsampling,
    Synthesis,
    residual_block,
)
from hcfss_jax.texts.embedding import TEXT_NUMBERS


@dataclasses.dataclass(frozen=True)
class SelicConfig(ModelConfig):
    """Sizes of a SELIC."""

    widths: tuple[int, ...] = (128, 128, 128)
    blocks: tuple[int, ...] = (3, 3, 3)
    hyper_width: int = 128
    hyper_blocks: int = 3
    text: bool = True
    """Whether the encoder takes a text; without, the model is its base codec, with the same names of parameters."""


VARIANTS = {"tiny": SelicConfig(**TINY), "base": SelicConfig()}


class Selic(HyperpriorModel):
    """The model; see the module's drawing for its data flow and `HyperpriorModel` for its methods."""

    config: SelicConfig

    @property
    def takes(self) -> tuple[str, ...]:
        """See `CompressionModel.takes`."""
        return ("text",) * self.config.text

    @property
    def paddable(self) -> bool:
        """Convolutions can do without what lies beyond a picture."""
        return True

    def setup(self) -> None:
        super().setup()
        c, remat = self.config, self.remat
        block = functools.partial(residual_block, remat)
        self.g_a = Analysis(c, block, self.dtype, remat)
        self.g_s = Synthesis(c, block, self.dtype, remat)
        self.h_a = HyperAnalysis(c, block, remat)
        self.h_s = HyperSynthesis(
            functools.partial(HyperUpsampling, c, block, sum(c.slices), remat)
        )
        self.slices = PlainSlices(c.slices, c.parameter_hidden, PYTORCH)
        if c.text:
            self.encoder_fusion = TextFusion()

    def unscaled(self, x: jax.Array, level: jax.Array, given: Mapping[str, jax.Array] = {}) -> Any:
        """What g_a makes of images, told of a text. given: "text", see `side_inputs`."""
        y = super().unscaled(x, level, given)
        text = text_of(self, given, x) if self.config.text else None
        if self.config.text and text is None and self.is_initializing():
            text = jnp.zeros((len(x), TEXT_NUMBERS), jnp.float32)
        if text is not None:
            y = self.encoder_fusion(y, text)
        return y


FAMILY = Family(
    Selic,
    VARIANTS,
    "Fu et al., ICME 2025, arXiv 2504.01279",
    small={"tiny": {**SMALLEST, "hyper_blocks": 1}},
    title="SELIC",
    url="https://arxiv.org/abs/2504.01279",
    held_to="our reading",
    published=Published({"Kodak": -4.9}, "VVC", "its abstract; +0.10 to 0.15 dB over its base"),
)
