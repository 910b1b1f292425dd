"""A residual group: blocks with windows of attention in turn, and a skip around them."""

import flax.linen as nn
import jax
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.drop_path import branch_factors
from hcfss_jax.layers.numerics import PYTORCH
from hcfss_jax.layers.one_loop import in_turn
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.layers.window_attention import SwinBlock


class ResidualGroup(nn.Module):
    """x + blocks in turn of x, of which every other one has shifted windows; a subclass says which block.

    As blocks start as their skips, it starts as 2 x. `[B, H, W, C]` to the same.
    """

    beyond = Beyond.ANYTHING

    rates: tuple[float, ...]
    """Of stochastic depth, one for each block."""
    head_dim: int = 16
    window: int = 8
    mlp_ratio: int = 4
    dtype: DTypeLike | None = None
    remat: bool = False

    def block(self, number: int) -> nn.Module:
        """The block of that number, from 0; called with a map and its factors, see `drop_path`."""
        raise NotImplementedError

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x, self.head_dim, "head_dim")
        blocks = [self.block(i) for i in range(len(self.rates))]
        return x + in_turn(blocks, x, branch_factors(self.rates, "/".join(self.path)))


class RSTB(ResidualGroup):
    """The residual Swin Transformer block of TIC (Lu et al., DCC 2022, arXiv 2111.06707), of `SwinBlock`s alone.

    That blocks start as their skips is our choice. `[B, H, W, C]` to the same.
    """

    def block(self, number: int) -> nn.Module:
        """See `ResidualGroup.block`."""
        make = remat_if(self.remat, SwinBlock)
        sizes = self.head_dim, self.window, bool(number % 2), self.mlp_ratio, self.dtype
        return make(*sizes, PYTORCH, silent=True, name=f"block{number + 1}")
