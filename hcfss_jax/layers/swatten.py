"""SWAtten, the gated attention module of TCM (Liu et al. 2023, section 3.3), which CSM and others keep."""

from collections.abc import Callable

import flax.linen as nn
import jax

from hcfss_jax.layers.gated_attention import GatedAttention
from hcfss_jax.layers.numerics import PYTORCH, Numerics
from hcfss_jax.layers.window_attention import SwinBlock


class SWAtten(GatedAttention):
    """A gated attention module whose gate sees through W-MSA, then SW-MSA."""

    head_dim: int = 16
    window: int = 8
    mlp_ratio: int = 4
    activation: Callable[[jax.Array], jax.Array] = nn.relu
    """Of the residual units."""
    numerics: Numerics = PYTORCH

    def look(self, x: jax.Array) -> jax.Array:
        """See `Gated.look`."""
        for name, shifted in (("w_msa", False), ("sw_msa", True)):
            x = self.attend(x, name, shifted)
        return x

    def activation_of_units(self) -> Callable[[jax.Array], jax.Array]:
        """See `Gated.activation_of_units`."""
        return self.activation

    def attend(self, x: jax.Array, name: str, shifted: bool) -> jax.Array:
        """One of the gate's two blocks."""
        swin = SwinBlock(
            self.head_dim,
            self.window,
            shifted,
            self.mlp_ratio,
            numerics=self.numerics,
            name=name,
        )
        return swin(x)
