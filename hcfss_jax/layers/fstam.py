"""FSTAM, the Frequency Swin Transformer Attention Module of HCFSSNet (arXiv 2511.20151)."""

from collections.abc import Callable

import flax.linen as nn
import jax

from hcfss_jax.layers.afmm import AFMM
from hcfss_jax.layers.numerics import FLAX, Numerics
from hcfss_jax.layers.swatten import SWAtten


class FSTAM(SWAtten):
    """SWAtten with an AFMM behind each Swin block of its gate.

    "AFMM integrated with a Swin Transformer block" is the abstract's; the module around them is our reading.
    """

    activation: Callable[[jax.Array], jax.Array] = nn.gelu
    numerics: Numerics = FLAX
    afmm_groups: int = 2
    afmm_hidden: int = 16

    def attend(self, x: jax.Array, name: str, shifted: bool) -> jax.Array:
        """One of the gate's two blocks, and the modulation of what comes out of it."""
        afmm = AFMM(groups=self.afmm_groups, hidden=self.afmm_hidden, name=f"afmm_{name}")
        return afmm(super().attend(x, name, shifted))
