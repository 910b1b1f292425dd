"""Channel-conditional coding: slices of y, each predicted from the hyperprior and the slices before it."""

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.gaussian import SCALE_MIN
from hcfss_jax.entropy.steps import Decoded, Prediction
from hcfss_jax.layers.convolution import conv
from hcfss_jax.layers.numerics import FLAX, Numerics
from hcfss_jax.layers.one_loop import each
from hcfss_jax.ops import lower_bound


class ParameterNet(nn.Module):
    """Three 3x3 convolutions with GELU between, to `features` channels."""

    hidden: tuple[int, int]
    features: int
    numerics: Numerics = FLAX

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for i, width in enumerate(self.hidden):
            x = self.numerics.gelu(conv(width, name=f"conv{i + 1}")(x))
        return conv(self.features, name="out")(x)


class ChannelSlices(nn.Module):
    """y in slices of channels (Minnen and Singh 2020), one coding step a slice; a model adds how to `predict` one.

    After a slice is decoded, latent residual prediction adds 0.5 tanh(3 convolutions) to it.
    """

    slices: tuple[int, ...]
    """Channels of each slice."""
    hidden: tuple[int, int]
    """Channels inside of each net of three convolutions."""
    numerics: Numerics = FLAX

    def setup(self) -> None:
        self.residual_net = self.nets()

    def nets(self) -> Sequence[nn.Module]:
        """A net of three convolutions for each slice, with as many outputs."""
        return [ParameterNet(self.hidden, n, self.numerics) for n in self.slices]

    def split(self, y: jax.Array) -> list[jax.Array]:
        """y `[B, h, w, M]` in its slices."""
        borders = [sum(self.slices[: i + 1]) for i in range(len(self.slices) - 1)]
        return jnp.split(y, borders, axis=-1)

    def predict(self, step: int, hyper: Any, decoded: Decoded) -> Prediction:
        """Mean and log scale of a slice, from what the hyperprior says and the slices before."""
        raise NotImplementedError

    def refine(self, step: int, features: jax.Array, quantised: jax.Array) -> jax.Array:
        """A quantised slice plus the predicted rest of its rounding error."""
        rest = self.residual_net[step](jnp.concatenate([features, quantised], axis=-1))
        return quantised + 0.5 * jnp.tanh(rest)


class AttendedSlices(ChannelSlices):
    """The entropy model of TCM (Liu et al. 2023, section 3.3) and those after it.

    For slice i and each of mean and scale, with nets of its own:

        concat(hyper features, decoded slices < i) -> attention -> 3 convolutions

    The hyperprior gives two maps, one for each.
    """

    attention: Callable[[], nn.Module] = nn.Module
    """Makes an attention module."""
    log_scale: bool = True
    """The nets give the logarithm of the scale; or, with False, the scale itself, as in PyTorch's codecs."""

    def setup(self) -> None:
        super().setup()
        self.mean_attention = [self.attention() for _ in self.slices]
        self.scale_attention = [self.attention() for _ in self.slices]
        self.mean_net, self.scale_net = self.nets(), self.nets()

    def predict(
        self, step: int, hyper: tuple[jax.Array, jax.Array], decoded: Decoded
    ) -> Prediction:
        """See `ChannelSlices.predict`; hyper: maps for mean and scale, `[B, h, w, .]` each."""
        support = [jnp.concatenate([features, *decoded], axis=-1) for features in hyper]
        support = each((self.mean_attention[step], self.scale_attention[step]), support)
        mean, scale = each((self.mean_net[step], self.scale_net[step]), support)
        log_scale = scale if self.log_scale else jnp.log(lower_bound(scale, SCALE_MIN))
        return Prediction(mean, log_scale, support[0])
