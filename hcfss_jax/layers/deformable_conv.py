"""Deformable convolutions, which read each tap where they like, and FHIC's residual module of one."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.convolution import LECUN, SILENT, conv
from hcfss_jax.ops.bilinear import read_at


def deformable_conv(
    x: jax.Array, kernel: jax.Array, offsets: jax.Array, mask: jax.Array | None = None
) -> jax.Array:
    """A convolution of stride 1 whose taps lie elsewhere (Dai et al. 2017; with a mask, Zhu et al. 2019).

    Args:
      x: `[B, H, W, C]`; 0 outside.
      kernel: `[k, k, C, features]`, k odd.
      offsets: `[B, H, W, groups, k k, 2]`, rows and columns that each tap is moved by; C is dealt out to the groups.
      mask: what each tap counts, `[B, H, W, groups, k k]`.
    """
    height, width = x.shape[1:3]
    side, groups = kernel.shape[0], offsets.shape[3]
    row, column = (i.astype(x.dtype)[None] for i in jnp.indices((height, width), jnp.int32))
    total: jax.Array | float = 0.0
    for tap in range(side**2):
        down, across = (i - (side - 1) // 2 for i in divmod(tap, side))
        read = []
        for group, part in enumerate(jnp.split(x, groups, axis=-1)):
            moved = offsets[:, :, :, group, tap]
            found = read_at(part, row + down + moved[..., 0], column + across + moved[..., 1])
            read.append(found if mask is None else found * mask[:, :, :, group, tap, None])
        total = total + jnp.concatenate(read, axis=-1) @ kernel[tap // side, tap % side]
    return jnp.asarray(total)


class DeformableConv(nn.Module):
    """A 3x3 convolution that moves its taps by what another finds; it starts as a plain one. `[B, H, W, C]` to
    `[B, H, W, features]`.
    """

    beyond = Beyond.ZEROS

    features: int
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x)
        # Where to read is float32: bfloat16 counts no positions beyond 256.
        find = conv(18, kernel_init=SILENT, name="offset")
        offsets = find(x.astype(jnp.float32)).reshape(*x.shape[:3], 1, 9, 2)
        kernel = self.param("kernel", LECUN, (3, 3, x.shape[-1], self.features), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        dtype = self.dtype or x.dtype
        y = deformable_conv(x.astype(dtype), kernel.astype(dtype), offsets)
        return y + bias.astype(dtype)[None, None, None]


class DeformableResidual(nn.Module):
    """DRM: x + 3x3(leaky ReLU(deformable 3x3(x))) (arXiv 2309.02529; our reading). `[B, H, W, C]` to the same."""

    beyond = Beyond.ANYTHING

    slope: float = 0.2
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x)
        y = DeformableConv(x.shape[-1], self.dtype, name="deformable")(x)
        last = conv(x.shape[-1], kernel_init=SILENT, dtype=self.dtype, name="conv")
        return x + last(nn.leaky_relu(y, self.slope))
