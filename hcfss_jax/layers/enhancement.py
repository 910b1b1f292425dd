"""The feature enhancement of S2LIC: dense blocks around a bottleneck, at the resolution of the picture.

InvCompress has it (Xie, Cheng and Chen 2021, arXiv 2108.03690), after the dense block of ESRGAN (Wang et al. 2018).
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.convolution import LECUN, SILENT, Initializer, conv

_SHARE = 0.2  # of the branch
_XAVIER_TENTH = nn.initializers.variance_scaling(0.01, "fan_avg", "normal")


class DenseBlock(nn.Module):
    """Five 3x3 convolutions, each of which sees x and all that the ones before it found. `[B, H, W, C]` to `features`.

    Four of them add `growth` channels each, behind a leaky ReLU of slope 0.2; the last has none behind it.
    """

    beyond = Beyond.ANYTHING

    features: int
    growth: int = 32
    dtype: DTypeLike | None = None
    last: Initializer = LECUN
    """How the kernel of the last convolution starts."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x)
        for i in range(4):
            layer = conv(
                self.growth, dtype=self.dtype, kernel_init=_XAVIER_TENTH, name=f"conv{i + 1}"
            )
            x = jnp.concatenate([x, nn.leaky_relu(layer(x), 0.2)], axis=-1)
        return conv(self.features, dtype=self.dtype, kernel_init=self.last, name="out")(x)


class Enhancement(nn.Module):
    """x + 0.2 * (dense block, 1x1, 3x3, 1x1, dense block)(x). `[B, H, W, C]` to the same.

    Between the convolutions in the middle there is no activation. It starts as the identity: the last kernel is 0, and
    that alone, for with that of the first dense block at 0 too, as in the authors' code, neither has a gradient.
    """

    beyond = Beyond.ANYTHING

    width: int = 64
    """Channels between the dense blocks."""
    growth: int = 32
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x)
        y = DenseBlock(self.width, self.growth, self.dtype, name="dense1")(x)
        for i, kernel in enumerate((1, 3, 1)):
            y = conv(self.width, kernel, dtype=self.dtype, name=f"mix{i + 1}")(y)
        y = DenseBlock(x.shape[-1], self.growth, self.dtype, SILENT, name="dense2")(y)
        return x + _SHARE * y
