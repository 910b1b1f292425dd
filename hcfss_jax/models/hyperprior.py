"""TCM and its kin: one y in slices of channels, one z, gains for the rates.

x -> g_a -> * gain -> y -> h_a -> * gain -> z -> round -> z_hat -> / gain -> h_s -> hyper
                      y -> slices(hyper) -> y_hat -> / gain -> g_s -> x_hat
"""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.distributions import Factorised
from hcfss_jax.entropy.factorised import FactorisedPrior
from hcfss_jax.entropy.plan import WHOLE, Passes, Plan, Step, in_slices
from hcfss_jax.entropy.steps import Decoded, Latents, Prediction
from hcfss_jax.layers.gain import NoGain, RateGain
from hcfss_jax.models.config import ModelConfig, RateConfig
from hcfss_jax.models.skeleton import CompressionModel

Y_STRIDE = 16  # pixels that a position of y stands for
_Z_OVER_Y = 4  # of the strides


def coded_with_hyperprior(
    c: ModelConfig, ending: str = "", y_stride: int = Y_STRIDE, passes: Passes = WHOLE
) -> Plan:
    """z, then the slices of y. ending: of their names."""
    z = Step(f"z{ending}", 0, c.hyper_channels, _Z_OVER_Y * y_stride, distribution=Factorised)
    return (z, *in_slices(f"y{ending}", c.slices, y_stride, passes))


def gain_pair(
    c: RateConfig, channels: int, start: tuple[float, float] = (0.0, 0.0)
) -> tuple[nn.Module, nn.Module]:
    """What a latent is multiplied by before it is rounded, and after; 1 in a model of one rate. start: logarithms."""
    if not c.gains:
        return NoGain(), NoGain()
    first, last = start
    return RateGain(c.levels, channels, (first, last)), RateGain(
        c.levels, channels, (-first, -last)
    )


class HyperpriorModel(CompressionModel):
    """To the prior and the gains, a model's `setup` adds the parts that are its own.

    Modules `g_a`, `g_s`, `h_a`, `h_s`; and `slices`, an entropy model with `predict` and `refine`.
    y is `[B, H / 16, W / 16, M]` and z `[B, H / 64, W / 64, C_z]`, both after their gain.
    """

    config: ModelConfig
    ending: str = ""
    """Of the names of y and z, where a model has several."""
    y_stride: int = Y_STRIDE

    @property
    def plan(self) -> Plan:
        """z, then the slices of y."""
        return coded_with_hyperprior(self.config, self.ending, self.y_stride, self.passes)

    @property
    def passes(self) -> Passes:
        """In which passes each slice of y is coded; they share their modules."""
        return WHOLE

    @property
    def y_channels(self) -> int:
        """How many channels of y there are, each with gains of its own."""
        return sum(self.config.slices)

    def setup(self) -> None:
        c = self.config
        self.prior = FactorisedPrior(c.hyper_channels, c.prior_filters, c.medians)
        self.gain_y, self.inverse_gain_y = gain_pair(c, self.y_channels, c.gain_start)
        self.gain_z, self.inverse_gain_z = gain_pair(c, c.hyper_channels)

    def analyse(
        self, x: jax.Array, level: jax.Array, given: Mapping[str, jax.Array] = {}
    ) -> Latents:
        """See `CompressionModel.analyse`."""
        return self.scaled(self.unscaled(x, level, given), level)

    @property
    def level_only_scales(self) -> bool:
        """See `CompressionModel.level_only_scales`: so it is where g_a and h_a take no notice of the level."""
        return True

    def unscaled(self, x: jax.Array, level: jax.Array, given: Mapping[str, jax.Array] = {}) -> Any:
        """What g_a makes of images, before its gain."""
        self.check(x, level)
        return self.g_a(x, level).astype(jnp.float32)

    def scaled(self, unscaled: Any, level: jax.Array) -> Latents:
        """See `CompressionModel.scaled`."""
        y = unscaled * self.gain_y(level)
        z = self.h_a(y) * self.gain_z(level)
        return {f"z{self.ending}": z, f"y{self.ending}": y}

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
        own = step and self.passes == WHOLE
        return self.slices.modules_of_slice(step - 1) if own else {}

    def y_hat(self, decoded: Decoded, level: jax.Array) -> jax.Array:
        """What g_s is given: y as it was decoded, without its gain. A slice is whole after its last pass."""
        _, *steps = decoded
        slices = steps[len(self.passes) - 1 :: len(self.passes)]
        return jnp.concatenate(slices, axis=-1) * self.inverse_gain_y(level)

    def synthesise(self, decoded: Decoded, level: jax.Array) -> jax.Array:
        """See `CompressionModel.synthesise`."""
        return self.g_s(self.y_hat(decoded, level), level).astype(jnp.float32)
