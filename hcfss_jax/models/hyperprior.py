"""TCM and its kin: one y in slices of channels, one z, gains for the rates.

x -> g_a -> * gain -> y -> h_a -> * gain -> z -> round -> z_hat -> / gain -> h_s -> hyper
                      y -> slices(hyper) -> y_hat -> / gain -> g_s -> x_hat
"""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.checkerboard import in_checkerboards
from hcfss_jax.entropy.distributions import Factorised
from hcfss_jax.entropy.factorised import FactorisedPrior
from hcfss_jax.entropy.plan import Plan, Step, in_slices
from hcfss_jax.entropy.steps import Decoded, Latents, Prediction
from hcfss_jax.layers.gain import NoGain, RateGain
from hcfss_jax.models.config import ModelConfig
from hcfss_jax.models.skeleton import CompressionModel

Y_STRIDE, Z_STRIDE = 16, 64  # pixels that a position of y and of z stands for


class HyperpriorModel(CompressionModel):
    """To the prior and the gains, a model's `setup` adds the parts that are its own.

    Modules `g_a`, `g_s`, `h_a`, `h_s`; and `slices`, an entropy model with `predict` and `refine`.
    y is `[B, H / 16, W / 16, M]` and z `[B, H / 64, W / 64, C_z]`, both after their gain.
    """

    config: ModelConfig

    @property
    def plan(self) -> Plan:
        """z, then the slices of y."""
        c = self.config
        z = Step("z", 0, c.hyper_channels, Z_STRIDE, distribution=Factorised)
        order = in_checkerboards if self.checkerboard else in_slices
        return (z, *order("y", c.slices, Y_STRIDE))

    @property
    def checkerboard(self) -> bool:
        """Whether each slice of y takes two steps, the passes of a checkerboard, which share their modules."""
        return False

    @property
    def y_channels(self) -> int:
        """How many channels of y there are, each with gains of its own."""
        return sum(self.config.slices)

    def setup(self) -> None:
        c = self.config
        self.prior = FactorisedPrior(c.hyper_channels, c.prior_filters, c.medians)
        first, last = c.gain_start
        self.gain_y = self._gain(self.y_channels, (first, last))
        self.inverse_gain_y = self._gain(self.y_channels, (-first, -last))
        self.gain_z = self._gain(c.hyper_channels)
        self.inverse_gain_z = self._gain(c.hyper_channels)

    def _gain(self, channels: int, start: tuple[float, float] = (0.0, 0.0)) -> nn.Module:
        return RateGain(self.config.levels, channels, start) if self.config.gains else NoGain()

    def analyse(
        self, x: jax.Array, level: jax.Array, given: Mapping[str, jax.Array] = {}
    ) -> Latents:
        """See `CompressionModel.analyse`."""
        self.check(x, level)
        y = self.g_a(x, level).astype(jnp.float32) * self.gain_y(level)
        return {"z": self.h_a(y) * self.gain_z(level), "y": y}

    def predict(self, step: int, level: jax.Array, decoded: Decoded) -> Prediction:
        """See `CompressionModel.predict`."""
        if step == 0:
            return Prediction(self.prior())
        hyper, *slices = decoded
        return self.slices.predict(step - 1, hyper, tuple(slices))

    def refine(
        self, step: int, level: jax.Array, decoded: Decoded, features: Any, quantised: jax.Array
    ) -> Any:
        """Of z what the hyperprior tells the slices, h_s; of a slice its part of y_hat."""
        if step == 0:
            return self.h_s(quantised * self.inverse_gain_z(level))
        return self.slices.refine(step - 1, features, quantised)

    def modules_of_step(self, step: int) -> Mapping[str, nn.Module]:
        """See `CompressionModel.modules_of_step`."""
        own = step and not self.checkerboard
        return self.slices.modules_of_slice(step - 1) if own else {}

    def synthesise(self, decoded: Decoded, level: jax.Array) -> jax.Array:
        """See `CompressionModel.synthesise`. Of a checkerboard a slice is whole after its second pass."""
        slices = decoded[2::2] if self.checkerboard else decoded[1:]
        y_hat = jnp.concatenate(slices, axis=-1)
        return self.g_s(y_hat * self.inverse_gain_y(level), level).astype(jnp.float32)
