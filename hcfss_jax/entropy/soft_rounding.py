"""Rounding that a gradient can look past: each number goes down or up at random, softly, the likelier the nearer.

Stochastic Gumbel annealing (Yang, Bamler and Mandt 2020, arXiv 2006.04240, section 3.2): the two ways are drawn from a
relaxed Bernoulli distribution whose temperature falls, so that what is optimised ends near the integers.
"""

import jax
import jax.numpy as jnp

_ALMOST = 1e-5  # no number is so near to an integer that the other way is out of sight


def two_way_rounding(
    key: jax.Array, x: jax.Array, temperature: jax.Array, noise: float = 1.0
) -> jax.Array:
    """A number between floor(x) and floor(x) + 1 for each, near one of them where the temperature is low.

    Of their unnormalised logarithms of probability, -atanh(distance) / temperature, the difference decides, with
    logistic noise, the difference of two Gumbel variables. noise: what of it is kept; 1 is the paper's, with 0 nothing
    is drawn (soft rounding as such). The gradient is that of this function, what was drawn held.
    """
    low = jnp.floor(x)
    share = jnp.clip(x - low, _ALMOST, 1 - _ALMOST)
    likelier_up = (jnp.arctanh(share) - jnp.arctanh(1 - share)) / temperature
    drawn = noise * jax.random.logistic(key, x.shape, x.dtype)
    return low + jax.nn.sigmoid((likelier_up + drawn) / temperature)
