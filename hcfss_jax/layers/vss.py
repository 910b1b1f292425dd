"""VSS, the block of VMamba (Liu et al. 2024) as the codecs that followed use it: SS2D without an MLP behind."""

import flax.linen as nn
import jax
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.convolution import LECUN, Initializer
from hcfss_jax.layers.drop_path import along_branch
from hcfss_jax.layers.numerics import PYTORCH, Numerics
from hcfss_jax.layers.ss2d import SS2D


class VSS(nn.Module):
    """x + kept * SS2D(LN x). `[B, H, W, C]` to the same.

    SS2D scans the whole map as one sequence, along its rows and along its columns, both ways.
    """

    beyond = Beyond.ANYTHING

    state_size: int = 16
    expand: float = 2.0
    dtype: DTypeLike | None = None
    numerics: Numerics = PYTORCH
    out_init: Initializer = LECUN
    """Of the branch's last product: where it is `SILENT`, the block starts as its skip."""

    @nn.compact
    def __call__(self, x: jax.Array, kept: jax.Array | None = None) -> jax.Array:
        """kept: `[B]`, see `drop_path`; None for 1."""
        check_map(self, x)
        ss2d = SS2D(
            self.state_size,
            expand=self.expand,
            dtype=self.dtype,
            numerics=self.numerics,
            out_init=self.out_init,
            name="ss2d",
        )
        return x + along_branch(kept, ss2d(self.numerics.layer_norm("norm", self.dtype)(x)))
