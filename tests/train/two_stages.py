"""The least model that can learn from another of its kind: two stages each way, one latent of learned densities."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax

from hcfss_jax.entropy.distributions import Factorised
from hcfss_jax.entropy.factorised import FactorisedPrior
from hcfss_jax.entropy.plan import Plan, Step
from hcfss_jax.entropy.steps import Decoded, Latents, Prediction
from hcfss_jax.layers.gain import RateGain
from hcfss_jax.models import CompressionModel

NAME = "two-stages"
FACTORY = "tests.train.two_stages:create"


@dataclasses.dataclass(frozen=True)
class TwoStagesConfig:
    """width: of the map at stride 2. channels: of y, at stride 4. levels: rate levels."""

    width: int = 3
    channels: int = 4
    levels: int = 8


class Down(nn.Module):
    """`[B, H, W, 3]` to `[B, H / 4, W / 4, channels]`."""

    width: int
    channels: int

    def setup(self) -> None:
        self.first = nn.Conv(self.width, (2, 2), (2, 2))
        self.second = nn.Conv(self.channels, (2, 2), (2, 2))

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.second(nn.tanh(self.first(x)))


class Up(nn.Module):
    """`[B, h, w, channels]` to `[B, 4 h, 4 w, 3]`."""

    width: int

    def setup(self) -> None:
        self.first = nn.ConvTranspose(self.width, (2, 2), (2, 2))
        self.second = nn.ConvTranspose(3, (2, 2), (2, 2))

    def __call__(self, y: jax.Array) -> jax.Array:
        return self.second(nn.tanh(self.first(y)))


class TwoStages(CompressionModel):
    """See the module."""

    config: TwoStagesConfig

    @property
    def plan(self) -> Plan:
        return (Step("y", 0, self.config.channels, 4, distribution=Factorised),)

    def setup(self) -> None:
        c = self.config
        self.g_a, self.g_s = Down(c.width, c.channels), Up(c.width)
        self.prior = FactorisedPrior(c.channels)
        self.gain = RateGain(c.levels, c.channels, (1.0, 2.0))

    def analyse(
        self, x: jax.Array, level: jax.Array, given: Mapping[str, jax.Array] = {}
    ) -> Latents:
        return {"y": self.g_a(x) * self.gain(level)}

    def predict(self, step: int, level: jax.Array, decoded: Decoded) -> Prediction:
        return Prediction(self.prior())

    def refine(
        self, step: int, level: jax.Array, decoded: Decoded, features: Any, quantised: jax.Array
    ) -> jax.Array:
        return quantised

    def synthesise(self, decoded: Decoded, level: jax.Array) -> jax.Array:
        return self.g_s(decoded[0] / self.gain(level))


def create(
    name: str, dtype: str = "float32", remat: bool = False, loops: bool = False, **fields: Any
) -> TwoStages:
    """As `create_model`. Raises ValueError for an unknown name."""
    if name != NAME:
        raise ValueError(f"no model is called {name!r}")
    return TwoStages(TwoStagesConfig(**fields))
