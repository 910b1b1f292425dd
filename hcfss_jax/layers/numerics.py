"""Where the defaults of Flax and of PyTorch differ, and trained weights would feel it."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
from jax.typing import DTypeLike


class Numerics(NamedTuple):
    """gelu: the function. epsilon: what LayerNorm adds to the variance."""

    gelu: Callable[[jax.Array], jax.Array]
    epsilon: float

    def layer_norm(
        self,
        name: str,
        dtype: DTypeLike | None = None,
        start: Callable[..., jax.Array] = nn.initializers.ones,
    ) -> nn.LayerNorm:
        """A LayerNorm over channels. start: how its scale starts."""
        return nn.LayerNorm(self.epsilon, dtype=dtype, scale_init=start, name=name)


FLAX = Numerics(nn.gelu, 1e-6)
"""GELU by tanh."""
PYTORCH = Numerics(functools.partial(nn.gelu, approximate=False), 1e-5)
"""GELU by the error function."""
