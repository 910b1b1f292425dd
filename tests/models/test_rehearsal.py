"""What is wrong with a model from outside is named before anything is trained or written with it."""

import dataclasses
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
import pytest

from hcfss_jax.entropy import Factorised, Gaussian, Step
from hcfss_jax.entropy.factorised import FactorisedPrior
from hcfss_jax.entropy.steps import Prediction
from hcfss_jax.errors import InvalidInput
from hcfss_jax.models.rehearsal import rehearse
from hcfss_jax.models.skeleton import CompressionModel
from tests.small_model import SMALL, small_model

Z = Step("z", 0, 3, 4, distribution=Factorised)
ANCHORS, OTHERS = Step("y", 0, 6, 4, "even"), Step("y", 0, 6, 4, "odd")


@dataclasses.dataclass(frozen=True)
class Config:
    levels: int = 1
    sizes: tuple[int, ...] = (6,)


class Sound(CompressionModel):
    """The least that keeps the contract."""

    steps: ClassVar = (Z, ANCHORS, OTHERS)

    @property
    def plan(self):
        return self.steps

    def setup(self) -> None:
        self.down, self.up = nn.Conv(9, (4, 4), 4), nn.ConvTranspose(3, (4, 4), (4, 4))
        self.prior = FactorisedPrior(3, (3,), False)

    def analyse(self, x, level, given=None):
        y, z = jnp.split(self.down(x), [6], axis=-1)
        return {"z": z, "y": y}

    def predict(self, step, level, decoded):
        if step == 0:
            return Prediction(self.prior())
        mean = jnp.tile(decoded[0], 2)
        return Prediction(Gaussian(mean, jnp.zeros_like(mean)))

    def refine(self, step, level, decoded, features, quantised):
        return quantised

    def synthesise(self, decoded, level):
        return self.up(decoded[1] + decoded[2])


def with_steps(*steps):
    return type("Changed", (Sound,), {"steps": steps})


def with_method(name, method):
    return type("Changed", (Sound,), {name: method})


def test_a_model_that_keeps_the_contract_passes_and_so_do_those_here():
    rehearse(Sound(Config()))
    for name in SMALL:
        rehearse(small_model(name))


@pytest.mark.parametrize(
    "model, told",
    [
        (with_steps(Z, ANCHORS), "'y' has 6 channels.*channel 0 0 or 1 times"),
        (with_steps(Z, ANCHORS, OTHERS, OTHERS), "channel 0 1 or 2 times"),
        (with_steps(Z, Step("y", 0, 3, 4)), "channel 3 0 times"),
        (with_steps(Z, Step("y", 0, 8, 4)), "channel 6 1 times"),
        (with_steps(Z, Step("y", 0, 6, 2)), r"stride 2 is float32 \[2, 1, 2, 6\], not"),
        (with_steps(Z, Step("y", 0, 6, 4, "evn")), "step 1 has lattice='evn'"),
        (with_steps(Z, Step("Y", 0, 6, 4)), "analyse: it gives y, z; the plan codes Y, z"),
        (with_steps(Z._replace(distribution=Gaussian), ANCHORS, OTHERS), "the plan says Gaussian"),
        (with_method("plan", lambda self: (Z,)), "make it a property"),
        (with_method("plan", property(lambda self: [Z])), "plan: it is a list"),
        (with_method("refine", CompressionModel.refine), r"refine, step 0.*'z'\): not written"),
        (with_method("predict", lambda self, *_: Gaussian(0.0, 0.0)), "gives a Gaussian, not a"),
        (with_method("synthesise", lambda self, d, _: d[1][..., :1]), "synthesise: x_hat is"),
        (with_method("synthesise", lambda self, d, _: d[9]), "synthesise: IndexError: tuple"),
        (with_method("analyse", lambda self, x, level: {}), "analyse: TypeError"),
    ],
)
def test_a_broken_one_is_named_with_what_and_where(model, told):
    with pytest.raises(InvalidInput, match=f"Changed.*{told}"):
        rehearse(model(Config()))


def test_a_distribution_that_would_only_be_broadcast_is_refused():
    def predict(self, step, level, decoded):
        prediction = Sound.predict(self, step, level, decoded)
        if step == 0:
            return prediction
        mean = prediction.distribution.mean
        return Prediction(Gaussian(mean, jnp.zeros((*mean.shape[:-1], 1))))

    with pytest.raises(
        InvalidInput, match=r"predict, step 1 \(channels 0 to 5 of 'y'\): log_scale"
    ):
        rehearse(with_method("predict", predict)(Config()))


@pytest.mark.parametrize(
    "config, told",
    [
        ({"levels": 1}, "config is a dict"),
        (Config(sizes=[6]), "numbers, strings and tuples"),
        (Config(levels=0), "levels is 0"),
        (dataclasses.make_dataclass("Other", ["width"], frozen=True)(3), "levels is None"),
        (Config(sizes=jnp.zeros(2)), "numbers, strings and tuples"),
    ],
)
def test_a_config_that_cannot_travel_with_weights_is_refused(config, told):
    with pytest.raises(InvalidInput, match=told):
        rehearse(Sound(config))


def test_a_layer_that_keeps_statistics_is_refused():
    def analyse(self, x, level, given=None):
        return Sound.analyse(self, nn.BatchNorm(True)(x), level)

    with pytest.raises(InvalidInput, match="batch_stats|mutable"):
        rehearse(with_method("analyse", nn.compact(analyse))(Config()))


def test_a_model_that_promises_scaled_latents_has_to_give_them():
    class Promising(Sound):
        level_only_scales = True

        def unscaled(self, x, level, given=None):
            return self.down(x)

        def scaled(self, unscaled, level):
            return {"z": unscaled[..., 6:], "y": unscaled[..., :5]}

    with pytest.raises(InvalidInput, match=r"scaled, .* codes channel 5|'y' has 5 channels"):
        rehearse(Promising(Config()))
    with pytest.raises(InvalidInput, match="level_only_scales promises,: not written"):
        rehearse(type("Empty", (Sound,), {"level_only_scales": True})(Config()))
