"""Channel-conditional coding: slices of y, each predicted from the hyperprior and the slices before it."""

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.distributions import Gaussian
from hcfss_jax.entropy.steps import Decoded, Prediction
from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.convolution import Initializer, conv
from hcfss_jax.layers.numerics import FLAX, Numerics
from hcfss_jax.layers.one_loop import each


class ParameterNet(nn.Module):
    """Convolutions, 3x3 if nothing else is said, with GELU between if nothing else is, to `features` channels."""

    beyond = Beyond.ANYTHING

    hidden: tuple[int, ...]
    features: int
    numerics: Numerics = FLAX
    kernel: int = 3
    activation: Callable[[jax.Array], jax.Array] | None = None
    bias_init: Initializer = nn.initializers.zeros
    """Of the last."""
    use_bias: bool = True
    """Whether the last has one."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        activation = self.activation or self.numerics.gelu
        for i, width in enumerate(self.hidden):
            x = activation(conv(width, self.kernel, name=f"conv{i + 1}")(x))
        out = conv(
            self.features,
            self.kernel,
            use_bias=self.use_bias,
            bias_init=self.bias_init,
            name="out",
        )
        return out(x)


def corrected(net: nn.Module, seen: Sequence[jax.Array], quantised: jax.Array) -> jax.Array:
    """Latent residual prediction (Minnen and Singh 2020): a part and the rest of its error, as a net sees it."""
    rest: jax.Array = net(jnp.concatenate(seen, axis=-1))
    return quantised + 0.5 * jnp.tanh(rest)


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

    def modules_of_slice(self, number: int) -> dict[str, nn.Module]:
        """What belongs to one slice alone: of each attribute that holds one module a slice, that slice's."""
        count = len(self.slices)
        return {
            name: value[number]
            for name, value in vars(self).items()
            if isinstance(value, list | tuple)
            and len(value) == count
            and all(isinstance(module, nn.Module) for module in value)
        }

    def predict(self, number: int, hyper: Any, decoded: Decoded) -> Prediction:
        """Mean and log scale of a slice, from what the hyperprior says and the slices before."""
        raise NotImplementedError

    def refine(self, number: int, features: Any, quantised: jax.Array) -> Any:
        """A quantised slice plus the predicted rest of its rounding error; features: `[B, h, w, .]`, of `predict`."""
        return corrected(self.residual_net[number], [features, quantised], quantised)


class AttendedSlices(ChannelSlices):
    """The entropy model of TCM (Liu et al. 2023, section 3.3) and those after it.

    For slice i and each of mean and scale, with nets of its own:

        concat(hyper features, decoded slices < i) -> attention -> 3 convolutions

    The hyperprior gives two maps, one for each.
    """

    attention: Callable[..., nn.Module] = nn.Module
    """Makes an attention module."""
    log_scale: bool = True
    """The nets give the logarithm of the scale; or, with False, the scale itself, as in PyTorch's codecs."""

    def setup(self) -> None:
        super().setup()
        self.mean_attention, self.scale_attention = self.attentions(), self.attentions()
        self.mean_net, self.scale_net = self.nets(), self.nets()

    def attentions(self) -> Sequence[nn.Module]:
        """An attention module for each slice."""
        return [self.attention() for _ in self.slices]

    def predict(
        self, number: int, hyper: tuple[jax.Array, jax.Array], decoded: Decoded
    ) -> Prediction:
        """See `ChannelSlices.predict`; hyper: maps for mean and scale, `[B, h, w, .]` each."""
        support = self.support(number, hyper, decoded)
        mean, scale = each((self.mean_net[number], self.scale_net[number]), support)
        return Prediction(self.gaussian(mean, scale), support[0])

    def support(
        self, number: int, hyper: tuple[jax.Array, jax.Array], decoded: Decoded
    ) -> list[jax.Array]:
        """What is attended to for the mean of a slice and for its scale."""
        maps = [jnp.concatenate([features, *decoded], axis=-1) for features in hyper]
        return each((self.mean_attention[number], self.scale_attention[number]), maps)

    def gaussian(self, mean: jax.Array, scale: jax.Array) -> Gaussian:
        """From what nets give; see `log_scale`."""
        return Gaussian.of(mean, scale, self.log_scale)


class PlainSlices(AttendedSlices):
    """`AttendedSlices` without attention; for slice i and each of mean and scale

        concat(hyper features, what is decoded before) -> 3 convolutions

    Latent residual prediction sees the slice, and then what its mean was predicted from.
    """

    def attentions(self) -> Sequence[nn.Module]:
        """See `AttendedSlices.attentions`; there are none."""
        return ()

    def support(
        self, number: int, hyper: tuple[jax.Array, jax.Array], decoded: Decoded
    ) -> list[jax.Array]:
        """See `AttendedSlices.support`."""
        return [jnp.concatenate([features, *decoded], axis=-1) for features in hyper]

    def refine(self, number: int, features: jax.Array, quantised: jax.Array) -> jax.Array:
        """See `ChannelSlices.refine`.

        What is known grows from slice to slice, and comes behind the slice: `run_equal_steps` makes a loop of slices
        whose further inputs are their last.
        """
        return corrected(self.residual_net[number], [quantised, features], quantised)
