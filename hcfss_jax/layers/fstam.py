"""FSTAM, the Frequency Swin Transformer Attention Module of HCFSSNet (arXiv 2511.20151)."""

import flax.linen as nn
import jax

from hcfss_jax.layers.afmm import AFMM
from hcfss_jax.layers.convolution import conv
from hcfss_jax.layers.residual import ResidualUnit
from hcfss_jax.layers.window_attention import SwinBlock


class FSTAM(nn.Module):
    """A gated attention module whose gate sees through Swin blocks and modulated frequencies.

        x -> 1x1 -> t;   out = 1x1(t + trunk(t) * sigmoid(gate(t)))
        trunk = 3 residual units;   gate = W-MSA, AFMM, SW-MSA, AFMM, 3 residual units, 1x1

    "AFMM integrated with a Swin Transformer block" is the abstract's; the module around them is TCM's SWAtten (Liu et
    al. 2023, section 3.3), our reading. Used where coding decides, so everything is float32.
    """

    features: int
    dim: int
    head_dim: int = 16
    window: int = 8
    mlp_ratio: int = 4
    afmm_groups: int = 2
    afmm_hidden: int = 16

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`[B, H, W, C]` to `[B, H, W, features]`."""
        x = conv(self.dim, 1, name="in")(x)
        gate = trunk = x
        for i in range(3):
            trunk = ResidualUnit(name=f"trunk{i + 1}")(trunk)
        for name, shifted in (("w_msa", False), ("sw_msa", True)):
            swin = SwinBlock(
                self.head_dim,
                self.window,
                shifted,
                self.mlp_ratio,
                name=name,
            )
            afmm = AFMM(
                groups=self.afmm_groups,
                hidden=self.afmm_hidden,
                name=f"afmm_{name}",
            )
            gate = afmm(swin(gate))
        for i in range(3):
            gate = ResidualUnit(name=f"gate{i + 1}")(gate)
        gate = nn.sigmoid(conv(self.dim, 1, name="gate")(gate))
        return conv(self.features, 1, name="out")(x + trunk * gate)
