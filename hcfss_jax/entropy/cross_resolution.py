"""CRPE: what latents of two resolutions are predicted from, the low one first (arXiv 2209.03353).

Nothing sees its own neighbours: each is decoded in one pass.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.distributions import Gaussian
from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.convolution import conv
from hcfss_jax.layers.gdn import GDN
from hcfss_jax.layers.octave_conv import SLOPE
from hcfss_jax.layers.transposed_conv import TransposedConv


def gaussian_of(told: jax.Array) -> Gaussian:
    """`[B, h, w, 2 C]`, mean and log scale, to the Gaussian of C channels."""
    return Gaussian(*jnp.split(told, 2, axis=-1))


class Raised(nn.Module):
    """Two transposed 3x3 convolutions of stride 2, each with a GDN: `[B, h, w, C]` to `[B, 4 h, 4 w, features]`.

    Between the strides of a hyper latent and of what it stands above. The GDN is none of the inverse kind, as in the
    authors' code.
    """

    beyond = Beyond.ANYTHING

    features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for i in (1, 2):
            x = GDN(name=f"gdn{i}")(TransposedConv(self.features, 3, name=f"up{i}")(x))
        return x


class HighGivenLow(nn.Module):
    """The high latent: concat(5x5 x2 of the low one, hyper maps) -> three 1x1, leaky ReLU between.

    `[B, h / 2, w / 2, C]` and maps `[B, h, w, .]` to mean and log scale `[B, h, w, 2 C]`, the last without a bias.
    """

    beyond = Beyond.ANYTHING

    hidden: tuple[int, int]

    @nn.compact
    def __call__(self, low: jax.Array, *hyper: jax.Array) -> jax.Array:
        features = low.shape[-1]
        x = jnp.concatenate([TransposedConv(features, 5, name="up")(low), *hyper], axis=-1)
        for i, width in enumerate(self.hidden):
            x = nn.leaky_relu(conv(width, 1, name=f"conv{i + 1}")(x), SLOPE)
        return conv(2 * features, 1, use_bias=False, name="out")(x)


class LowGivenHyper(nn.Module):
    """The low latent: for mean and for log scale, 5x5 of concat(the first hyper layer's, the second's raised by 4).

    `[B, h, w, 2 C]` and `[B, h / 4, w / 4, 2 D]`, halves for mean and scale, to `[B, h, w, 2 C]`.
    """

    beyond = Beyond.ANYTHING

    share: bool = True
    """Both by the same convolutions, as in the authors' file, where that may be a slip."""

    @nn.compact
    def __call__(self, first: jax.Array, second: jax.Array) -> jax.Array:
        features = first.shape[-1] // 2
        names = ("both", "both") if self.share else ("mean", "scale")
        made = {
            name: (Raised(features, name=f"raised_{name}"), conv(features, 5, name=f"conv_{name}"))
            for name in dict.fromkeys(names)
        }
        found = []
        for name, near, far in zip(
            names, jnp.split(first, 2, -1), jnp.split(second, 2, -1), strict=True
        ):
            raised, mixed = made[name]
            found.append(mixed(jnp.concatenate([near, raised(far)], axis=-1)))
        return jnp.concatenate(found, axis=-1)
