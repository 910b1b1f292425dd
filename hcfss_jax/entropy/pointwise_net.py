"""The net of 1x1 convolutions that makes a distribution of what is known at a position."""

from collections.abc import Callable

import flax.linen as nn
import jax

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.convolution import Initializer, conv
from hcfss_jax.layers.numerics import PYTORCH


class PointwiseNet(nn.Module):
    """1x1 convolutions with an activation between, to `features` channels."""

    beyond = Beyond.ANYTHING

    hidden: tuple[int, ...]
    features: int
    activation: Callable[[jax.Array], jax.Array] = PYTORCH.gelu
    bias_init: Initializer = nn.initializers.zeros
    """Of the last."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`[B, h, w, C]` to `[B, h, w, features]`."""
        for i, width in enumerate(self.hidden):
            x = self.activation(conv(width, 1, name=f"conv{i + 1}")(x))
        return conv(self.features, 1, bias_init=self.bias_init, name="out")(x)
