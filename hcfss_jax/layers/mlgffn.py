"""MLGFFN, the mixed local-global feed-forward network of HSCATB (arXiv 2408.03842)."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.convolution import DepthwiseConv
from hcfss_jax.layers.map_mean import MapMean
from hcfss_jax.layers.numerics import PYTORCH, Numerics


class MLGFFN(nn.Module):
    """A feed-forward network of two gates, one from around a position and one from the whole map.

        (a | b) = LN x;   x + concat(GELU(mean(b)) * b, GELU(3x3(1x1(a))) * 5x5(1x1'(a)))

    3x3 and 5x5 are depthwise. Known of the paper: the two halves, what gates them, and the order of the concatenation
    (equation 10). It prints 5x5 twice and says "3x3 and 5x5": our reading is the text, and that each has a 1x1 of its
    own. `[B, H, W, C]` to the same; C is even.
    """

    beyond = Beyond.ANYTHING

    norm_start: float = 1.0
    """What the scale of the norm starts at: where it is small, the layer starts near the identity."""
    dtype: DTypeLike | None = None
    numerics: Numerics = PYTORCH

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x, 2)
        start = nn.initializers.constant(self.norm_start)
        norm = self.numerics.layer_norm("norm", self.dtype, start)
        near, far = jnp.split(norm(x), 2, axis=-1)
        far = self.numerics.gelu(MapMean(name="mean")(far)) * far
        width = near.shape[-1]
        gate = nn.Dense(width, name="in3", dtype=self.dtype)(near)
        gate = self.numerics.gelu(DepthwiseConv(self.dtype, name="depthwise3")(gate))
        value = nn.Dense(width, name="in5", dtype=self.dtype)(near)
        value = DepthwiseConv(self.dtype, 5, name="depthwise5")(value)
        return x + jnp.concatenate([far, gate * value], axis=-1)
