"""Channel-conditional coding: slices of y, each predicted from the hyperprior and the slices before it."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.steps import Decoded, Prediction
from hcfss_jax.layers.convolution import conv
from hcfss_jax.layers.fstam import FSTAM
from hcfss_jax.layers.remat import remat_if


class ParameterNet(nn.Module):
    """Three 3x3 convolutions with GELU between, to `features` channels."""

    hidden: tuple[int, int]
    features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for i, width in enumerate(self.hidden):
            x = nn.gelu(conv(width, name=f"conv{i + 1}")(x))
        return conv(self.features, name="out")(x)


class ChannelSlices(nn.Module):
    """The entropy model of y in slices of channels (Minnen and Singh 2020), one step a slice.

    For slice i and each of mean and scale:

        concat(hyper features, decoded slices < i) -> FSTAM -> 3 convolutions

    After a slice is decoded, latent residual prediction adds 0.5 tanh(3 convolutions) to it. The nets for mean and
    scale are separate, as in TCM (Liu et al. 2023).
    """

    slices: tuple[int, ...]
    """Channels of each slice."""
    dim: int
    head_dim: int
    hidden: tuple[int, int]
    mlp_ratio: int = 4
    afmm_groups: int = 2
    afmm_hidden: int = 16
    remat: bool = False

    def setup(self) -> None:
        def attention() -> FSTAM:
            return remat_if(self.remat, FSTAM)(
                self.dim,
                self.dim,
                self.head_dim,
                mlp_ratio=self.mlp_ratio,
                afmm_groups=self.afmm_groups,
                afmm_hidden=self.afmm_hidden,
            )

        self.mean_attention = [attention() for _ in self.slices]
        self.scale_attention = [attention() for _ in self.slices]
        self.mean_net = [ParameterNet(self.hidden, n) for n in self.slices]
        self.scale_net = [ParameterNet(self.hidden, n) for n in self.slices]
        self.residual_net = [ParameterNet(self.hidden, n) for n in self.slices]

    def split(self, y: jax.Array) -> list[jax.Array]:
        """y `[B, h, w, M]` in its slices."""
        borders = [sum(self.slices[: i + 1]) for i in range(len(self.slices) - 1)]
        return jnp.split(y, borders, axis=-1)

    def predict(
        self, step: int, hyper: tuple[jax.Array, jax.Array], decoded: Decoded
    ) -> Prediction:
        """Mean and log scale of a slice, from the hyperprior's two maps and the slices before."""
        support_mean, support_scale = (
            net[step](jnp.concatenate([features, *decoded], axis=-1))
            for net, features in zip(
                (self.mean_attention, self.scale_attention), hyper, strict=True
            )
        )
        mean, log_scale = self.mean_net[step](support_mean), self.scale_net[step](support_scale)
        return Prediction(mean, log_scale, support_mean)

    def refine(self, step: int, features: jax.Array, quantised: jax.Array) -> jax.Array:
        """A quantised slice plus the predicted rest of its rounding error."""
        rest = self.residual_net[step](jnp.concatenate([features, quantised], axis=-1))
        return quantised + 0.5 * jnp.tanh(rest)
