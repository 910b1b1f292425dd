"""ACP, the channel attention of CSM."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from hcfss_jax.layers.checks import check_map, check_width
from hcfss_jax.layers.convolution import SILENT, conv
from hcfss_jax.layers.numerics import PYTORCH

OPEN = nn.initializers.constant(4.0)
"""A gate that starts at 0.98. Our choice; from 0.5, a chain of blocks halves what it passes on at each."""


class ACP(nn.Module):
    """u * sigmoid(W2 ReLU(W1 mean(u))), where u = x + conv3x3(GELU(conv3x3(x))) and the mean is over the whole map.

    As in CSM's code, where the gate multiplies u and not x. `[B, H, W, C]` to the same.
    """

    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x)
        check_width(self, x, 2)
        channels = x.shape[-1]
        u = PYTORCH.gelu(conv(channels // 2, name="conv1", dtype=self.dtype)(x))
        u = x + conv(channels, kernel_init=SILENT, name="conv2", dtype=self.dtype)(u)
        gate = jnp.mean(u, axis=(1, 2), keepdims=True)
        gate = nn.relu(nn.Dense(channels // 2, name="squeeze", dtype=self.dtype)(gate))
        gate = nn.Dense(channels, bias_init=OPEN, name="excite", dtype=self.dtype)(gate)
        return u * nn.sigmoid(gate)
