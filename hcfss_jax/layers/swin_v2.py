"""The block of Swin Transformer V2 (Liu et al. 2022, arXiv 2111.09883) and the residual group of S2LIC."""

import flax.linen as nn
import jax
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.convolution import SILENT
from hcfss_jax.layers.cosine_attention import CosineWindowAttention
from hcfss_jax.layers.drop_path import along_branch
from hcfss_jax.layers.mlp import MLP
from hcfss_jax.layers.numerics import PYTORCH, Numerics
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.layers.residual_group import ResidualGroup


class SwinV2Block(nn.Module):
    """x + kept * LN(attention(x)), then x + kept * LN(MLP(x)): normalised behind each branch, not before it.

    The scales of both norms start at 0, as the authors' do, and so the block as its skip. `[B, H, W, C]` to the same.
    """

    beyond = Beyond.ANYTHING

    head_dim: int = 16
    window: int = 8
    shifted: bool = False
    mlp_ratio: int = 4
    dtype: DTypeLike | None = None
    numerics: Numerics = PYTORCH
    position_hidden: int = 512
    """See `CosineWindowAttention`."""

    @nn.compact
    def __call__(self, x: jax.Array, kept: jax.Array | None = None) -> jax.Array:
        """kept: `[B]`, see `drop_path`; None for 1."""
        check_map(self, x, self.head_dim, "head_dim")
        attention = CosineWindowAttention(
            self.head_dim,
            self.window,
            self.shifted,
            self.dtype,
            position_hidden=self.position_hidden,
            name="attention",
        )
        mlp = MLP(self.mlp_ratio * x.shape[-1], self.dtype, self.numerics, name="mlp")
        for branch, name in ((attention, "norm1"), (mlp, "norm2")):
            norm = nn.LayerNorm(
                self.numerics.epsilon, dtype=self.dtype, scale_init=SILENT, name=name
            )
            x = x + along_branch(kept, norm(branch(x)))
        return x


class RS2TB(ResidualGroup):
    """x + SwinV2 blocks in turn of x, of which every other one has shifted windows.

    The residual SwinV2 Transformer block of S2LIC (Wang et al., arXiv 2403.14471), without layers of its own. As blocks
    start as their skips, it starts as 2 x. `[B, H, W, C]` to the same.
    """

    position_hidden: int = 512

    def block(self, number: int) -> nn.Module:
        """See `ResidualGroup.block`."""
        make = remat_if(self.remat, SwinV2Block)
        sizes = self.head_dim, self.window, bool(number % 2), self.mlp_ratio, self.dtype
        name = f"block{number + 1}"
        return make(*sizes, position_hidden=self.position_hidden, name=name)
