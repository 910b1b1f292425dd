"""A model of two convolutions that comes from outside the package: quick to compile, able to learn."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.coding import Tables, tables_from_pmfs
from hcfss_jax.models import Output
from hcfss_jax.ops import round_straight_through

NAME = "stand-in"
FACTORY = "tests.train.stand_in:create_stand_in"


@dataclasses.dataclass(frozen=True)
class StandInConfig:
    """width: channels of the latent. levels: rate levels."""

    width: int = 4
    levels: int = 8


class StandIn(nn.Module):
    """A learned transform of 8x8 blocks with a Gaussian of unit scale on its coefficients."""

    config: StandInConfig
    remat: bool = False
    multiple = 8

    def setup(self) -> None:
        self.analysis = nn.Conv(self.config.width, (8, 8), (8, 8))
        self.synthesis = nn.ConvTranspose(3, (8, 8), (8, 8))
        self.gain = self.param("gain", nn.initializers.ones, (self.config.levels,), jnp.float32)

    def __call__(
        self,
        x: jax.Array,
        level: jax.Array,
        keys: jax.Array,
        given: Mapping[str, jax.Array] = {},
        quantisation: str = "noise",
    ) -> Output:
        def add_noise(y: jax.Array) -> jax.Array:
            return (
                y + jax.vmap(lambda key: jax.random.uniform(key, y.shape[1:], y.dtype))(keys) - 0.5
            )

        # What is masked out is grey, as far as the encoder knows.
        x = jnp.where(given["mask"] > 0, x, 0.5) if "mask" in given else x
        return self._pass(
            x, level, add_noise if quantisation == "noise" else round_straight_through
        )

    def evaluate(self, x: jax.Array, level: jax.Array) -> Output:
        return self._pass(x, level, jnp.round)

    def build_tables(self, variables: Any) -> dict[str, Tables]:
        spread = np.exp(-np.square(np.arange(-8.0, 9.0)))
        return {"y": tables_from_pmfs([0.999 * spread / spread.sum()], np.asarray([-8]))}

    def _pass(self, x: jax.Array, level: jax.Array, quantise: Any) -> Output:
        gain = self.gain[level.astype(jnp.int32)][:, None, None, None]
        y = quantise(self.analysis(x) * gain)
        bits = jnp.sum(jnp.square(y) + 1.0, axis=(1, 2, 3))
        return Output(self.synthesis(y / gain), {"y": bits, "z": 0.1 * bits}, {"y": y})


def create_stand_in(
    name: str, dtype: str = "float32", remat: bool = False, loops: bool = False, **overrides: Any
) -> StandIn:
    """As `create_model`. Raises ValueError for an unknown name."""
    if name != NAME:
        raise ValueError(f"no model is called {name!r}")
    return StandIn(StandInConfig(**overrides))
