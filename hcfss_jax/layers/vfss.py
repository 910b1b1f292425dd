"""VFSS, the Vision Frequency State Space block of HCFSSNet (arXiv 2511.20151): VONSS mixes, AFMM modulates."""

import flax.linen as nn
import jax
from jax.typing import DTypeLike

from hcfss_jax.layers.afmm import AFMM
from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.mlp import MLP
from hcfss_jax.layers.vonss import VONSS


class VFSS(nn.Module):
    """x + VONSS(LN x), then x + AFMM(MLP(LN x)).

    That the block is VONSS and AFMM is the abstract's; where AFMM stands is our reading, after FTIC (ICLR 2024), which
    modulates frequencies behind the feed-forward network. `[B, H, W, C]` to the same.
    """

    beyond = Beyond.ANYTHING

    state_size: int = 16
    directions: int = 8
    scan_lines: str = "neighborhood"
    expand: float = 2.0
    mlp_ratio: int = 4
    afmm_groups: int = 2
    afmm_hidden: int = 16
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x, self.afmm_groups, "afmm_groups")
        vonss = VONSS(
            self.state_size, self.directions, self.scan_lines, self.expand, self.dtype, name="vonss"
        )
        x = x + vonss(nn.LayerNorm(dtype=self.dtype, name="norm1")(x))
        mlp = MLP(self.mlp_ratio * x.shape[-1], dtype=self.dtype, name="mlp")
        afmm = AFMM(groups=self.afmm_groups, hidden=self.afmm_hidden, name="afmm")
        return x + afmm(mlp(nn.LayerNorm(dtype=self.dtype, name="norm2")(x)))
