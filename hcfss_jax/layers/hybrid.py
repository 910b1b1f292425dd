"""The hybrid block: convolutions for what is local and high in frequency, beside a second path for the rest."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from hcfss_jax.layers.convolution import SILENT, conv
from hcfss_jax.layers.residual import ResidualBlock


class HybridBlock(nn.Module):
    """x + 1x1(concat(residual block(a), global_path(b))), where (a | b) = 1x1(x).

    The shape is TCM's (Liu et al. 2023, section 3.2) with any module as the second path; HCFSSNet puts VFSS there (our
    reading of its "CNN branch and VFSS branch"). `[B, H, W, C]` to the same; C is even.
    """

    global_path: nn.Module
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        local, wide = jnp.split(conv(channels, 1, dtype=self.dtype, name="split")(x), 2, axis=-1)
        local = ResidualBlock(dtype=self.dtype, name="local_path")(local)
        both = jnp.concatenate([local, self.global_path(wide)], axis=-1)
        return x + conv(channels, 1, dtype=self.dtype, kernel_init=SILENT, name="join")(both)
