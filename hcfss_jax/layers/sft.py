"""Spatial feature transform: a map scaled and shifted, position by position, by what a condition says of each.

As in the codec of quality maps (Song et al., ICCV 2021, arXiv 2108.09551), whose layers these are.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from hcfss_jax.errors import InvalidInput
from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.convolution import LECUN, SILENT, conv


class SFT(nn.Module):
    """x * (1 + gamma) + beta, both of the condition by two 3x3 convolutions with ReLU between.

    gamma and beta start at 0, our choice, and so the layer as x.
    """

    beyond = Beyond.ANYTHING

    hidden: int = 128
    """Channels between the convolutions."""
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: jax.Array, condition: jax.Array) -> jax.Array:
        """`[B, H, W, C]` to the same. condition: `[B, k H, k W, .]`, of which cells of k x k are averaged.

        Raises InvalidInput for a condition of other sides.
        """
        check_map(self, x)
        check_map(self, condition)
        seen = pooled_to(condition, x.shape[1], x.shape[2])
        shared = nn.relu(conv(self.hidden, dtype=self.dtype, name="shared")(seen))
        gamma, beta = (
            conv(x.shape[-1], dtype=self.dtype, kernel_init=SILENT, name=name)(shared)
            for name in ("factor", "shift")
        )
        return x * (1 + gamma) + beta


class SFTBlock(nn.Module):
    """x + SFT, leaky ReLU, 3x3, SFT, leaky ReLU, 3x3 of x; slope 0.2. `[B, H, W, C]` to the same.

    The last convolution starts at 0, our choice, and so the block as x.
    """

    beyond = Beyond.ANYTHING

    hidden: int = 128
    """See `SFT`."""
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: jax.Array, condition: jax.Array) -> jax.Array:
        """condition: see `SFT`."""
        y = x
        for i in (1, 2):
            y = SFT(self.hidden, self.dtype, name=f"sft{i}")(y, condition)
            start = SILENT if i == 2 else LECUN
            layer = conv(x.shape[-1], dtype=self.dtype, kernel_init=start, name=f"conv{i}")
            y = layer(nn.leaky_relu(y, 0.2))
        return x + y


def pooled_to(x: jax.Array, height: int, width: int) -> jax.Array:
    """Means of cells: `[B, k height, k width, C]` to `[B, height, width, C]`. Raises InvalidInput for other sides."""
    factor = x.shape[1] // height
    if x.shape[1:3] != (factor * height, factor * width):
        raise InvalidInput(
            f"a condition of {x.shape[1]}x{x.shape[2]} positions cannot be averaged to {height}x{width}: "
            "make its sides one multiple of these"
        )
    if factor == 1:
        return x
    cells = x.reshape(len(x), height, factor, width, factor, x.shape[-1])
    return jnp.mean(cells, axis=(2, 4))
