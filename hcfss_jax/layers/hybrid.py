"""The hybrid block: convolutions for what is local and high in frequency, beside a second path for the rest."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.convolution import SILENT, conv
from hcfss_jax.layers.depthwise_block import DepthwiseBlock
from hcfss_jax.layers.residual import ResidualBlock


class HybridBlock(nn.Module):
    """x + 1x1(concat(local_path(a), global_path(b))), where (a | b) = 1x1(x) and the local path is a residual block.

    The shape is TCM's (Liu et al. 2023, section 3.2) with any module as the second path; HCFSSNet puts VFSS there (our
    reading of its "CNN branch and VFSS branch"). `[B, H, W, C]` to the same; C is even.
    """

    beyond = Beyond.ANYTHING

    global_path: nn.Module
    dtype: DTypeLike | None = None
    local_skip: bool = False
    """Whether the local path adds its input once more, as TCM's code does."""
    depthwise: bool = False
    """Whether the local path is a `DepthwiseBlock`: dense layers in place of its 3x3 convolutions."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x, 2)
        channels = x.shape[-1]
        x, mixed = self.mix(x, conv(channels, 1, dtype=self.dtype, name="split"))
        a, b = jnp.split(mixed, 2, axis=-1)
        block = DepthwiseBlock if self.depthwise else ResidualBlock
        local = block(dtype=self.dtype, name="local_path")(a)
        local = local + a if self.local_skip else local
        both = jnp.concatenate([local, self.global_path(b)], axis=-1)
        return x + conv(channels, 1, dtype=self.dtype, kernel_init=SILENT, name="join")(both)

    def mix(self, x: jax.Array, split: nn.Module) -> tuple[jax.Array, jax.Array]:
        """What the block adds to, and what it parts among its paths."""
        return x, split(x)
