"""FHIC's context model (arXiv 2309.02529): all channels at once, in the two passes of a checkerboard."""

import functools
from collections.abc import Callable
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.channel_slices import ParameterNet
from hcfss_jax.entropy.mixture import NINE, Mixture, nine_of, one_gaussian
from hcfss_jax.entropy.steps import Decoded, Prediction
from hcfss_jax.layers.checkerboard_conv import CheckerboardConv

Probability = Literal["gllmm", "gaussian"]
"""Nine components, Gaussians, Laplacians and logistics; or one Gaussian."""

SLOPE = 0.2
_leaky = functools.partial(nn.leaky_relu, negative_slope=SLOPE)
_MAKERS: dict[Probability, Callable[[jax.Array], Mixture]] = {
    "gllmm": nine_of,
    "gaussian": one_gaussian,
}
_OUTPUTS: dict[Probability, int] = {"gllmm": 3 * len(NINE) + 3, "gaussian": 2}
"""Numbers that a net finds for each symbol."""


class TwoPassContext(nn.Module):
    """y in two coding steps, each with a net and a probability model of its own:

        anchors     1x1 convolutions of hyper
        others      1x1 convolutions of concat(anchors' 5x5, hyper)

    three of each with a leaky ReLU between. y itself is rounded, and nothing is added to what was decoded.
    """

    channels: int
    """Of y."""
    hidden: tuple[int, ...] = (640, 1280)
    """Channels inside of the nets."""
    probability: tuple[Probability, Probability] = ("gllmm", "gaussian")
    """Of the anchors, and of the others."""

    def setup(self) -> None:
        self.anchor_conv = CheckerboardConv(2 * self.channels)
        self.parameter_net = [
            ParameterNet(
                self.hidden,
                _OUTPUTS[kind] * self.channels,
                kernel=1,
                activation=_leaky,
                use_bias=False,
            )
            for kind in self.probability
        ]

    def modules_of_slice(self, number: int) -> dict[str, nn.Module]:
        """None: two passes make no loop."""
        return {}

    def predict(self, number: int, hyper: tuple[jax.Array], decoded: Decoded) -> Prediction:
        """See `ChannelSlices.predict`. number: 0 for the anchors, 1 for the others."""
        known = hyper if number == 0 else (self.anchor_conv(decoded[0]), *hyper)
        found = self.parameter_net[number](jnp.concatenate(known, axis=-1))
        return Prediction(_MAKERS[self.probability[number]](found), decoded)

    def refine(self, number: int, features: Any, quantised: jax.Array) -> jax.Array:
        """Of the first pass the anchors, of the second all of y_hat."""
        return quantised if number == 0 else features[0] + quantised
