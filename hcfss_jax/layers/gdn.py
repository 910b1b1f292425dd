"""Generalised divisive normalisation (Ballé et al. 2016), the codecs' own nonlinearity."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.ops import lower_bound

PEDESTAL = 2.0**-36  # keeps the square-root parametrisation away from its flat point


class GDN(nn.Module):
    """x / sqrt(beta + gamma x^2) over channels; with `inverse`, x * sqrt(...).

    beta >= 1e-6 and gamma >= 0 are stored as square roots, as TFC and CompressAI do, which slows their updates near 0.
    """

    beyond = Beyond.ANYTHING

    inverse: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`[B, H, W, C]` to `[B, H, W, C]`."""
        check_map(self, x)
        channels = x.shape[-1]
        beta = self.param("beta", lambda _, n: _stored(jnp.ones(n, jnp.float32)), channels)
        gamma = self.param(
            "gamma", lambda _, n: _stored(0.1 * jnp.eye(n, dtype=jnp.float32)), channels
        )
        beta = _non_negative(beta, 1e-6).astype(x.dtype)
        gamma = _non_negative(gamma, 0.0).astype(x.dtype)
        norm = (x * x) @ gamma + beta[None, None, None]
        return x * (jnp.sqrt(norm) if self.inverse else jax.lax.rsqrt(norm))


def _stored(value: jax.Array) -> jax.Array:
    return jnp.sqrt(value + PEDESTAL)


def _non_negative(stored: jax.Array, minimum: float) -> jax.Array:
    return lower_bound(stored, (minimum + PEDESTAL) ** 0.5) ** 2 - PEDESTAL
