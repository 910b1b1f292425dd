"""The convolution that reads one colour of a checkerboard for the other (He et al. 2021, section 4.1)."""

import flax.linen as nn
import jax
import numpy as np

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map


def seen_by_kernel(side: int) -> np.ndarray:
    """float32 `[side, side]`: 1 where row + column is odd, which in a kernel of odd side its centre is not."""
    return (np.indices((side, side)).sum(0) % 2).astype(np.float32)


class CheckerboardConv(nn.Module):
    """A convolution whose kernel is masked where row + column is even: a position sees only those of the other colour.

    The masked weights are there all the same, as in the code that the field shares; nothing reads or changes them.
    """

    beyond = Beyond.ANYTHING

    features: int
    kernel: int = 5
    """Odd, positions a side."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`[B, H, W, C]` to `[B, H, W, features]`."""
        check_map(self, x)
        side, pad = self.kernel, (self.kernel - 1) // 2
        shape = (side, side, x.shape[-1], self.features)
        mask = np.broadcast_to(seen_by_kernel(side)[..., None, None], shape)
        padding = ((pad, pad), (pad, pad))
        return nn.Conv(self.features, (side, side), padding=padding, mask=mask, name="conv")(x)
