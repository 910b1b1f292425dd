"""SWAtten, the gated attention module of TCM (Liu et al. 2023, section 3.3), which CSM and others keep."""

from collections.abc import Callable

import flax.linen as nn
import jax

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.convolution import conv
from hcfss_jax.layers.numerics import PYTORCH, Numerics
from hcfss_jax.layers.one_loop import in_turn
from hcfss_jax.layers.residual import ResidualUnit
from hcfss_jax.layers.window_attention import SwinBlock


class SWAtten(nn.Module):
    """A gated attention module whose gate sees through Swin blocks.

        x -> 1x1 -> t;   out = 1x1(t + trunk(t) * sigmoid(gate(t)))
        trunk = 3 residual units;   gate = W-MSA, SW-MSA, 3 residual units, 1x1

    Used where coding decides, so everything is float32.
    """

    beyond = Beyond.ANYTHING

    dim: int
    features: int | None = None
    """Channels that come out; None for those that went in."""
    head_dim: int = 16
    window: int = 8
    mlp_ratio: int = 4
    activation: Callable[[jax.Array], jax.Array] = nn.relu
    """Of the residual units."""
    numerics: Numerics = PYTORCH

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`[B, H, W, C]` to `[B, H, W, features]`."""
        check_map(self, x)
        features = self.features or x.shape[-1]
        x = conv(self.dim, 1, name="in")(x)
        gate, trunk = x, in_turn(self._units("trunk"), x)
        for name, shifted in (("w_msa", False), ("sw_msa", True)):
            gate = self.attend(gate, name, shifted)
        gate = in_turn(self._units("gate"), gate)
        gate = nn.sigmoid(conv(self.dim, 1, name="gate")(gate))
        return conv(features, 1, name="out")(x + trunk * gate)

    def _units(self, name: str) -> list[ResidualUnit]:
        return [ResidualUnit(self.activation, name=f"{name}{i + 1}") for i in range(3)]

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
