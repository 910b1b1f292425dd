"""The two-layer perceptron of transformer-shaped blocks."""

import flax.linen as nn
import jax
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_float
from hcfss_jax.layers.convolution import LECUN, Initializer
from hcfss_jax.layers.numerics import FLAX, Numerics


class MLP(nn.Module):
    """Dense to `hidden`, GELU, dense back to C. `[..., C]` to the same."""

    beyond = Beyond.ANYTHING

    hidden: int
    dtype: DTypeLike | None = None
    numerics: Numerics = FLAX
    out_init: Initializer = LECUN
    """Of the last kernel."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_float(self, x)
        y = self.numerics.gelu(nn.Dense(self.hidden, name="in", dtype=self.dtype)(x))
        return nn.Dense(x.shape[-1], name="out", dtype=self.dtype, kernel_init=self.out_init)(y)
