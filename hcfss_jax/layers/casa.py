"""CaSA, the channel attention of HSCATB (arXiv 2408.03842)."""

import flax.linen as nn
import jax
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map, check_width
from hcfss_jax.layers.map_mean import MapMean


class CaSA(nn.Module):
    """x * sigmoid(W2 ReLU(W1 mean(x))), the mean over the whole map. `[B, H, W, C]` to the same.

    Known of the paper: the formula. Our reading: W1 to a `shrink`th of the channels, and biases.
    """

    beyond = Beyond.ANYTHING

    shrink: int = 4
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x)
        check_width(self, x, self.shrink, "shrink")
        channels = x.shape[-1]
        mean = MapMean(name="mean")(x)
        narrow = nn.relu(nn.Dense(channels // self.shrink, name="narrow", dtype=self.dtype)(mean))
        return x * nn.sigmoid(nn.Dense(channels, name="wide", dtype=self.dtype)(narrow))
