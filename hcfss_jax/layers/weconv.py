"""WeConv, the wavelet-domain convolutions of WeConvene (Fu et al., ECCV 2024, arXiv 2407.09983).

A residual block with a stride or with upsampling whose second convolution sees the Haar subbands of its map, low and
high frequencies apart.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map, check_sides
from hcfss_jax.layers.convolution import ISOMETRY, SILENT, Initializer, SubPixelConv, conv
from hcfss_jax.layers.gdn import GDN
from hcfss_jax.ops import haar, inverse_haar


class SubbandConv(nn.Module):
    """Haar transform, 3x3 and GDN of LL, 3x3 and GDN of the other three together, and the inverse transform.

    `[B, H, W, C]` to the same; H and W are even. With `inverse` the GDNs are.
    """

    beyond = Beyond.ANYTHING

    inverse: bool = False
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x)
        check_sides(self, x, 2)
        channels = x.shape[-1]
        bands = jnp.split(haar(x), [channels], axis=-1)
        for i, name in enumerate(("low", "high")):
            layer = conv(
                bands[i].shape[-1], kernel_init=SILENT, dtype=self.dtype, name=f"{name}_conv"
            )
            bands[i] = GDN(self.inverse, name=f"{name}_gdn")(layer(bands[i]))
        return inverse_haar(jnp.concatenate(bands, axis=-1))


class WeConvDown(nn.Module):
    """Halves height and width: 3x3 stride 2, leaky ReLU, `SubbandConv`, and a stride-2 skip.

    `[B, H, W, C]` to `[B, H / 2, W / 2, features]`; H and W are multiples of 4. Fields as of `ResidualBlockWithStride`;
    subbands: makes what stands in the place of `SubbandConv`, from `inverse`, `dtype` and `name`.
    """

    beyond = Beyond.ANYTHING

    features: int
    skip_kernel: int = 1
    dtype: DTypeLike | None = None
    skip_init: Initializer = ISOMETRY
    subbands: Callable[..., nn.Module] = SubbandConv

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x)
        check_sides(self, x, 4)
        y = nn.leaky_relu(conv(self.features, stride=2, dtype=self.dtype, name="conv1")(x))
        y = self.subbands(dtype=self.dtype, name="subbands")(y)
        skip = conv(
            self.features,
            self.skip_kernel,
            2,
            kernel_init=self.skip_init,
            dtype=self.dtype,
            name="skip",
        )
        return y + skip(x)


class WeConvUp(nn.Module):
    """Doubles height and width: sub-pixel 3x3, leaky ReLU, `SubbandConv` with inverse GDNs, and a sub-pixel skip.

    `[B, H, W, C]` to `[B, 2 H, 2 W, features]`. Fields as of `ResidualBlockUpsample`; subbands: see `WeConvDown`.
    """

    beyond = Beyond.ANYTHING

    features: int
    skip_kernel: int = 3
    dtype: DTypeLike | None = None
    skip_init: Initializer = ISOMETRY
    subbands: Callable[..., nn.Module] = SubbandConv

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x)
        y = nn.leaky_relu(SubPixelConv(self.features, dtype=self.dtype, name="up")(x))
        y = self.subbands(inverse=True, dtype=self.dtype, name="subbands")(y)
        skip = SubPixelConv(
            self.features,
            self.skip_kernel,
            kernel_init=self.skip_init,
            dtype=self.dtype,
            name="skip",
        )
        return y + skip(x)


class SpareConv(nn.Module):
    """The parameters of a 3x3 convolution from `features` channels to as many, applied to nothing.

    A WeConv with a stride holds one in the authors' code; here it stands apart, for weights that come from there.
    """

    beyond = Beyond.ANYTHING

    features: int

    @nn.compact
    def __call__(self) -> None:
        shape = (3, 3, self.features, self.features)
        self.param("kernel", nn.initializers.zeros, shape, jnp.float32)
        self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
