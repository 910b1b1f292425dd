"""The attention of convolutional codecs (Cheng et al. 2020, arXiv 2001.01568, section 3.3): a gated residual branch."""

from collections.abc import Callable

import flax.linen as nn
import jax
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.layers.convolution import conv
from hcfss_jax.layers.one_loop import in_turn
from hcfss_jax.layers.residual import ResidualBottleneck, ResidualUnit


class Gated(nn.Module):
    """What attention modules have in common, for the `nn.compact` method of one."""

    def gated(self, x: jax.Array, dtype: DTypeLike | None = None, start: float = 0.0) -> jax.Array:
        """x + trunk(x) * sigmoid(gate(x)). start: the bias with which the gate starts."""
        trunk = in_turn(self._units("trunk", dtype), x)
        gate = in_turn(self._units("gate", dtype), self.look(x))
        bias = nn.initializers.constant(start)
        last = conv(x.shape[-1], 1, bias_init=bias, dtype=dtype, name="gate")
        return x + trunk * nn.sigmoid(last(gate))

    def look(self, x: jax.Array) -> jax.Array:
        """What the gate sees through; keeps the shape of x."""
        return x

    def activation_of_units(self) -> Callable[[jax.Array], jax.Array]:
        """What the residual units have between their convolutions."""
        return nn.relu

    def unit(self) -> type[ResidualUnit]:
        """Of which kind those are."""
        return ResidualUnit

    def _units(self, name: str, dtype: DTypeLike | None) -> list[ResidualUnit]:
        make, activation = self.unit(), self.activation_of_units()
        return [make(activation, dtype, name=f"{name}{i + 1}") for i in range(3)]


class AttentionBlock(Gated):
    """A map and what a gate lets through of its trunk. `[B, H, W, C]` to the same.

        x + trunk(x) * sigmoid(gate(x));   trunk = 3 residual units;   gate = 3 residual units, 1x1

    Cheng et al.'s simplified form, without the non-local block.
    """

    beyond = Beyond.ANYTHING

    start: float = 0.0
    """The bias with which the gate starts: where it is negative, the block starts near the identity."""
    dtype: DTypeLike | None = None
    bare_units: bool = False
    """Whether nothing follows the sum of a unit, as in the codec of Fu et al. (arXiv 2107.06463)."""

    def unit(self) -> type[ResidualUnit]:
        """See `Gated.unit`."""
        return ResidualBottleneck if self.bare_units else ResidualUnit

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x)
        return self.gated(x, self.dtype, self.start)
