"""SaSA, the spatial attention of HSCATB (arXiv 2408.03842): high frequencies in windows, low ones over the map."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from hcfss_jax.errors import InvalidInput
from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.pooled_attention import PooledAttention
from hcfss_jax.layers.window_attention import WindowAttention


class SaSA(nn.Module):
    """concat(attention inside of windows, attention to the means of all windows). `[B, H, W, C]` to the same.

    Its equations are those of HiLo attention (Pan et al. 2022, arXiv 2205.13213), and so is this: the first heads see
    their window at full resolution, the others every window's mean; neither has a bias for positions. Our reading: half
    of the heads each; the text gives C1 + C2 = C alone. Also ours is that what fills up the last windows of a map is
    neither attended to nor averaged.
    """

    beyond = Beyond.ANYTHING

    head_dim: int = 20
    window: int = 8
    low_share: float = 0.5
    """Of the heads, those that see means. With 0 or 1 one of the paths is all there is, as in the paper's Table I."""
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """C is a multiple of head_dim. Raises InvalidInput for a share that is none, or that takes no head."""
        check_map(self, x, self.head_dim, "head_dim")
        heads = x.shape[-1] // self.head_dim
        low = round(heads * self.low_share)
        if not 0 <= self.low_share <= 1 or (0 < self.low_share < 1 and low in (0, heads)):
            raise InvalidInput(
                f"SaSA divides {heads} heads by low_share={self.low_share}, which leaves a path without: choose a "
                "share from 0 to 1, or a smaller head_dim"
            )
        paths: list[jax.Array] = []
        if low < heads:
            high = (heads - low) * self.head_dim
            windowed = WindowAttention(
                self.head_dim, self.window, dtype=self.dtype, features=high, bias=False, name="high"
            )
            paths.append(windowed(x))
        if low:
            pooled = PooledAttention(
                self.head_dim, self.window, low * self.head_dim, self.dtype, name="low"
            )
            paths.append(pooled(x))
        return jnp.concatenate(paths, axis=-1)
