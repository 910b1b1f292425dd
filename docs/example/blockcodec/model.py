"""A transform of 8x8 cells whose few low channels are coded first, and tell the scales of the others.

x -> one convolution of stride 8 -> * gain -> low, high;  low -> two convolutions -> mean and scale of high
low, high -> / gain -> one transposed convolution -> x_hat
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.distributions import Factorised, Gaussian
from hcfss_jax.entropy.factorised import FactorisedPrior
from hcfss_jax.entropy.plan import Plan, Step
from hcfss_jax.entropy.steps import Decoded, Latents, Prediction
from hcfss_jax.layers.gain import RateGain
from hcfss_jax.models import CompressionModel

CELL = 8  # pixels a side


@dataclasses.dataclass(frozen=True)
class BlockConfig:
    """What travels with the weights. low, high: channels of each latent. hidden: of the net that predicts `high`.
    gain_start: logarithms of the gains of the first and the last level."""

    levels: int = 8
    low: int = 6
    high: int = 42
    hidden: int = 32
    gain_start: tuple[float, float] = (2.0, 3.7)


class BlockCodec(CompressionModel):
    """A plan and five passes; training, evaluation, estimates and files come with the class."""

    config: BlockConfig

    @property
    def plan(self) -> Plan:
        """low by a density of each channel; high by a Gaussian for each symbol."""
        c = self.config
        return Step("low", 0, c.low, CELL, distribution=Factorised), Step("high", 0, c.high, CELL)

    def setup(self) -> None:
        c = self.config
        channels, (first, last) = c.low + c.high, c.gain_start
        self.analysis = nn.Conv(channels, (CELL, CELL), (CELL, CELL))
        self.synthesis = nn.ConvTranspose(3, (CELL, CELL), (CELL, CELL))
        self.gain = RateGain(c.levels, channels, (first, last))
        self.inverse_gain = RateGain(c.levels, channels, (-first, -last))
        self.prior = FactorisedPrior(c.low)
        self.hidden = nn.Conv(c.hidden, (3, 3))
        self.parameters_of_high = nn.Conv(2 * c.high, (1, 1))

    def analyse(
        self, x: jax.Array, level: jax.Array, given: Mapping[str, jax.Array] = {}
    ) -> Latents:
        """Images to what the steps code."""
        self.check(x, level)
        y = self.analysis(x - 0.5) * self.gain(level)
        return {"low": y[..., : self.config.low], "high": y[..., self.config.low :]}

    def predict(self, step: int, level: jax.Array, decoded: Decoded) -> Prediction:
        """The densities of low; of high a mean and a scale that low tells."""
        if step == 0:
            return Prediction(self.prior())
        told = self.parameters_of_high(jnp.tanh(self.hidden(decoded[0])))
        return Prediction(Gaussian(*jnp.split(told, 2, axis=-1)))

    def refine(
        self, step: int, level: jax.Array, decoded: Decoded, features: Any, quantised: jax.Array
    ) -> jax.Array:
        """Each step leaves its latent."""
        return quantised

    def synthesise(self, decoded: Decoded, level: jax.Array) -> jax.Array:
        """The latents to images."""
        y_hat = jnp.concatenate(decoded, axis=-1)
        return self.synthesis(y_hat * self.inverse_gain(level)) + 0.5


def create(
    name: str, dtype: str = "float32", remat: bool = False, loops: bool = False, **fields: Any
) -> BlockCodec:
    """The model of an experiment or a weight package. It is small, and computes in one way."""
    return BlockCodec(BlockConfig(**fields))
