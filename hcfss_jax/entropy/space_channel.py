"""ELIC's context model (He et al., CVPR 2022, arXiv 2203.10886): slices of uneven sizes, and space within each.

The first slices are small and cost little time, and say most of what the later ones have to know.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.channel_slices import ParameterNet
from hcfss_jax.entropy.distributions import Gaussian
from hcfss_jax.entropy.steps import Decoded, Prediction
from hcfss_jax.layers.checkerboard_conv import CheckerboardConv

Seen = Literal["all", "first and last"]
"""Which of the slices before it a slice is told of: all, as in the paper; or the first of all and the one just before
it, as in the code that there is."""

Hyper = tuple[jax.Array, ...]
"""What the hyperprior says: maps `[B, h, w, .]`, such as one for mean and one for scale."""


class ChannelContextSlices(nn.Module):
    """The channels of ELIC's context without its space, as HSCATB has it (arXiv 2408.03842). One coding step a slice:

        told = 5x5 convolutions of slices before;   (mean | scale) = 1x1 convolutions of concat(told, hyper)

    three of each with an activation between. The first slice is told nothing. Nothing is added to what was decoded.
    """

    slices: tuple[int, ...]
    """Channels of each slice."""
    told_hidden: tuple[int, int] = (224, 128)
    """Channels inside of the nets of 5x5 convolutions."""
    hidden: tuple[int, ...] = (640, 512)
    """Channels inside of the nets of 1x1 convolutions."""
    seen: Seen = "all"
    log_scale: bool = True
    """See `Gaussian.of`."""

    def setup(self) -> None:
        self.told_net = [
            ParameterNet(self.told_hidden, 2 * n, kernel=5, activation=nn.relu)
            for n in self.slices[1:]
        ]
        self.parameter_net = [
            ParameterNet(self.hidden, 2 * n, kernel=1, activation=nn.relu) for n in self.slices
        ]

    def modules_of_slice(self, number: int) -> Mapping[str, nn.Module]:
        """None: slices of uneven sizes make no loop."""
        return {}

    def predict(self, number: int, hyper: Hyper, decoded: Decoded) -> Prediction:
        """Mean and scale of a slice, from what the hyperprior says and the slices before."""
        told = self.told(number, decoded)
        return Prediction(self.gaussian(number, (*told, *hyper)))

    def refine(self, number: int, features: Any, quantised: jax.Array) -> Any:
        """A slice as it was quantised."""
        return quantised

    def told(self, number: int, before: Decoded) -> tuple[jax.Array, ...]:
        """What a slice is told of those before it: a map of twice its channels, or nothing."""
        if not number:
            return ()
        seen = before if self.seen == "all" else (before[0], *before[1:][-1:])
        return (self.told_net[number - 1](jnp.concatenate(seen, axis=-1)),)

    def gaussian(self, number: int, known: tuple[jax.Array, ...]) -> Gaussian:
        """A slice's distribution from maps `[B, h, w, .]` of all that is known of it."""
        given = self.parameter_net[number](jnp.concatenate(known, axis=-1))
        mean, scale = jnp.split(given, 2, axis=-1)
        return Gaussian.of(mean, scale, self.log_scale)


class Anchors(NamedTuple):
    """What the first pass of a slice leaves for its second."""

    values: jax.Array
    """Quantised; 0 at all other positions."""
    told: tuple[jax.Array, ...]
    """What slices before have told, computed once."""


class SpaceChannelSlices(ChannelContextSlices):
    """ELIC's context whole, two coding steps a slice; the passes of a `CHECKERBOARD`.

        (mean | scale) = 1x1 convolutions of concat(anchors' 5x5, told, hyper)

    with the same nets in either pass of a checkerboard. In the first the anchors' 5x5 is 0.
    """

    def setup(self) -> None:
        super().setup()
        self.anchor_conv = [CheckerboardConv(2 * n) for n in self.slices]

    def predict(self, number: int, hyper: Hyper, decoded: Decoded) -> Prediction:
        """See `ChannelContextSlices.predict`. number: of the step, two a slice; decoded: what `refine` made of each."""
        slice_, second = divmod(number, 2)
        if second:
            anchors: Anchors = decoded[-1]
            told, around = anchors.told, self.anchor_conv[slice_](anchors.values)
            return Prediction(self.gaussian(slice_, (around, *told, *hyper)), anchors)
        told = self.told(slice_, decoded[1::2])
        nothing = jnp.zeros((*hyper[0].shape[:-1], 2 * self.slices[slice_]), hyper[0].dtype)
        return Prediction(self.gaussian(slice_, (nothing, *told, *hyper)), told)

    def refine(self, number: int, features: Any, quantised: jax.Array) -> Any:
        """Of a first pass its `Anchors`; of a second the slice of y_hat, anchors and all."""
        if number % 2:
            return features.values + quantised
        return Anchors(quantised, features)
