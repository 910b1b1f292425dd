"""The gated attention module of WeConvene (Fu et al. 2024, arXiv 2407.09983), which with windows is TCM's SWAtten."""

import flax.linen as nn
import jax

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.attention_block import Gated
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.convolution import conv
from hcfss_jax.layers.one_loop import in_turn
from hcfss_jax.layers.residual import ResidualBlock


class GatedAttention(Gated):
    """A map times a gate that sees farther; here through two residual blocks.

        x -> 1x1 -> t;   out = 1x1(t + trunk(t) * sigmoid(gate(t)))
        trunk = 3 residual units;   gate = `look`, 3 residual units, 1x1

    Used where coding decides, so everything is float32.
    """

    beyond = Beyond.ANYTHING

    dim: int
    features: int | None = None
    """Channels that come out; None for those that went in."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`[B, H, W, C]` to `[B, H, W, features]`."""
        check_map(self, x)
        features = self.features or x.shape[-1]
        x = conv(self.dim, 1, name="in")(x)
        return conv(features, 1, name="out")(self.gated(x))

    def look(self, x: jax.Array) -> jax.Array:
        """See `Gated.look`."""
        return in_turn([ResidualBlock(name=f"block{i + 1}") for i in range(2)], x)
