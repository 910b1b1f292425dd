"""HSCATB, the hybrid spatial-channel attention block (arXiv 2408.03842)."""

import flax.linen as nn
import jax
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.casa import CaSA
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.mlgffn import MLGFFN
from hcfss_jax.layers.numerics import PYTORCH
from hcfss_jax.layers.sasa import SaSA


class HSCATB(nn.Module):
    """t = LN x;   u = x + SaSA(t) + CaSA(t);   MLGFFN(u). `[B, H, W, C]` to the same.

    Known of the paper: that a block holds the three. How they are joined is our reading.
    """

    beyond = Beyond.ANYTHING

    head_dim: int = 20
    window: int = 8
    low_share: float = 0.5
    shrink: int = 4
    norm_start: float = 1.0
    """See `MLGFFN`; of the norm before the attentions, too."""
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x, self.head_dim, "head_dim")
        start = nn.initializers.constant(self.norm_start)
        t = PYTORCH.layer_norm("norm", self.dtype, start)(x)
        sasa = SaSA(self.head_dim, self.window, self.low_share, self.dtype, name="sasa")
        x = x + sasa(t) + CaSA(self.shrink, self.dtype, name="casa")(t)
        return MLGFFN(self.norm_start, self.dtype, name="mlgffn")(x)
