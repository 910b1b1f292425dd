"""Bands of frequencies as coding steps, each predicted by one net for mean and scale."""

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.channel_slices import ChannelSlices, corrected
from hcfss_jax.entropy.distributions import Gaussian
from hcfss_jax.entropy.steps import Decoded, Prediction
from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.convolution import LECUN, SILENT, conv


def by_magnitude(y: jax.Array) -> jax.Array:
    """sign(y) ln(1 + |y|): what a net is told of values that reach thousands where a rate's gain is high."""
    return jnp.sign(y) * jnp.log1p(jnp.abs(y))


class DenseNet(nn.Module):
    """Two 1x1 convolutions with a GELU between, to `features` channels."""

    beyond = Beyond.ANYTHING

    hidden: int
    features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.gelu(conv(self.hidden, 1, name="in")(x))
        return conv(self.features, 1, kernel_init=SILENT, name="out")(x)


class BandSlices(ChannelSlices):
    """For band i, from the hyperprior's features and the bands below it,

        F = attention(concat(features, decoded bands < i));   (mean | log scale) = 1x1(F)

    and a latent residual prediction of two 1x1 convolutions. One net for both where TCM has two, since mean and scale
    of a frequency hang on the same contours: our choice, and half of the work.
    """

    attention: Callable[[], nn.Module] = nn.Module
    """Makes an attention module."""

    def setup(self) -> None:
        super().setup()
        self.attend = [self.attention() for _ in self.slices]
        self.head = [conv(2 * n, 1, kernel_init=LECUN) for n in self.slices]

    def nets(self) -> Sequence[nn.Module]:
        """A net for each slice, with as many outputs."""
        return [DenseNet(self.hidden[0], n) for n in self.slices]

    def predict(self, number: int, hyper: jax.Array, decoded: Decoded) -> Prediction:
        """See `ChannelSlices.predict`; hyper: a map `[B, h, w, .]`."""
        support = jnp.concatenate([hyper, *map(by_magnitude, decoded)], axis=-1)
        features = self.attend[number](support)
        mean, log_scale = jnp.split(self.head[number](features), 2, axis=-1)
        return Prediction(Gaussian(mean, log_scale), features)

    def refine(self, number: int, features: jax.Array, quantised: jax.Array) -> jax.Array:
        """See `ChannelSlices.refine`."""
        return corrected(self.residual_net[number], [features, by_magnitude(quantised)], quantised)
