"""ACGC, S2LIC's context model: slices in the two passes of a checkerboard, told by the slices before them."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from hcfss_jax.entropy.channel_slices import ChannelSlices, ParameterNet, corrected
from hcfss_jax.entropy.distributions import Gaussian
from hcfss_jax.entropy.plan import Passes, only_on
from hcfss_jax.entropy.steps import Decoded, Prediction
from hcfss_jax.layers.checkerboard_conv import CheckerboardConv
from hcfss_jax.layers.interaction import ChannelContext, GlobalContext
from hcfss_jax.layers.numerics import PYTORCH
from hcfss_jax.layers.remat import remat_if

PASSES: Passes = ("odd", "even")
"""The top left position is none of the anchors, as in MLIC."""


class Known(NamedTuple):
    """What the two passes of a slice share, computed once: all that is known before either."""

    told: tuple[jax.Array, ...]
    """Both contexts; of the first slice none, as there are no slices before it."""
    seen: jax.Array
    """What latent residual prediction sees: the hyperprior's half for means, and the slices before."""


class Anchors(NamedTuple):
    """What a first pass leaves for the second."""

    values: jax.Array
    """With the predicted rest of their rounding error; 0 at all other positions."""
    known: Known


class ACGCSlices(ChannelSlices):
    """The entropy model of S2LIC (Wang et al., arXiv 2403.14471), two coding steps a slice.

        (scale | mean) = 1x1s(AC(slices before), AG(slices before), hyper features)

    by nets that each pass has for itself. Latent residual prediction corrects the anchors after the first pass, and
    the other positions after the second, again by nets of their own. As in the authors' code, and unlike their figure,
    what a first pass has coded does not help to predict the second, unless `anchor_context`.
    """

    fusion_hidden: tuple[int, ...] = (320, 256, 128)
    """Channels inside of the nets of 1x1 convolutions."""
    contexts: bool = True
    """Whether there are AC and AG; their channels are 0 otherwise."""
    context_head_dim: int = 32
    """Of AG's attention."""
    anchor_context: bool = False
    """Whether a 5x5 convolution tells the second pass what anchors there are, as in MLIC; our addition."""
    remat: bool = False

    def setup(self) -> None:
        super().setup()
        self.anchor_residual_net = self.nets()
        self.anchor_parameter_net = self.parameter_nets()
        self.parameter_net = self.parameter_nets()
        if self.contexts:
            # Of slices after the first, whose number is one more.
            channel = remat_if(self.remat, ChannelContext)
            glob = remat_if(self.remat, GlobalContext)
            self.channel_context = [channel(2 * n) for n in self.slices[1:]]
            self.global_context = [glob(n, self.context_head_dim) for n in self.slices[1:]]
        if self.anchor_context:
            self.anchor_conv = [CheckerboardConv(2 * n) for n in self.slices]

    def parameter_nets(self) -> list[nn.Module]:
        """A net of 1x1 convolutions for each slice, to twice its channels."""
        return [
            ParameterNet(self.fusion_hidden, 2 * n, PYTORCH, kernel=1, bias_init=scales_of_1)
            for n in self.slices
        ]

    def predict(self, number: int, hyper: jax.Array, decoded: Decoded) -> Prediction:
        """See `ChannelSlices.predict`. number: of the step, two a slice; decoded: what `refine` made of each before.

        hyper: `[B, h, w, 2 .]`; all of it tells of either, and its second half is the one for means.
        """
        slice_, second = divmod(number, 2)
        context: tuple[jax.Array, ...] = ()
        if second:
            anchors: Anchors = decoded[-1]
            known, net = anchors.known, self.parameter_net[slice_]
            if self.anchor_context:
                context = (self.anchor_conv[slice_](anchors.values),)
        else:
            before = decoded[1::2]
            means = jnp.split(hyper, 2, axis=-1)[1]
            seen = jnp.concatenate([means, *before], axis=-1)
            known, net = Known(self.told(slice_, before), seen), self.anchor_parameter_net[slice_]
        found = net(jnp.concatenate([*known.told, *context, hyper], axis=-1))
        scale, mean = jnp.split(found, 2, axis=-1)
        gaussian = Gaussian.of(mean, scale, log_scale=False)
        return Prediction(gaussian, anchors if second else known)

    def told(self, slice_: int, before: Decoded) -> tuple[jax.Array, ...]:
        """AC `[B, h, w, 2 n]` and AG `[B, h, w, n]` for a slice of n channels; none for the first."""
        if not slice_:
            return ()
        x = jnp.concatenate(before, axis=-1)
        if self.contexts:
            return self.channel_context[slice_ - 1](x), self.global_context[slice_ - 1](x)
        n = self.slices[slice_]
        return jnp.zeros((*x.shape[:-1], 2 * n), x.dtype), jnp.zeros((*x.shape[:-1], n), x.dtype)

    def refine(
        self, number: int, features: Known | Anchors, quantised: jax.Array
    ) -> Anchors | jax.Array:
        """Of a first pass the anchors; of a second its slice of y_hat, anchors and all."""
        slice_ = number // 2
        if isinstance(features, Known):
            net = self.anchor_residual_net[slice_]
            anchors = corrected(net, [features.seen, quantised], quantised)
            return Anchors(only_on(PASSES[0], anchors), features)
        whole = super().refine(slice_, features.known.seen, features.values + quantised)
        return features.values + only_on(PASSES[1], whole)


def scales_of_1(
    key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32
) -> jax.Array:
    """The bias of (scale | mean): scales start at 1, where the bound below has no part in them. Our choice."""
    return jnp.where(jnp.arange(shape[0]) < shape[0] // 2, 1.0, 0.0).astype(dtype)
