"""Bits of integers under a Gaussian, and the table of scales that the range coder uses for it."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.ops import lower_bound

SCALE_MIN, SCALE_MAX, SCALE_LEVELS = 0.11, 256.0, 64  # the field's table (Ballé et al. 2018)
LOG_SCALE_MIN, LOG_SCALE_MAX = math.log(SCALE_MIN), math.log(SCALE_MAX)
LOG_STEP = (LOG_SCALE_MAX - LOG_SCALE_MIN) / (SCALE_LEVELS - 1)
LEAST_LIKELIHOOD = 1e-9  # 30 bits: what the coder's escape costs at most is about that


def scale_table() -> np.ndarray:
    """The scales of the coder's tables, float64 `[64]`, geometric from 0.11 to 256."""
    return np.exp(LOG_SCALE_MIN + LOG_STEP * np.arange(SCALE_LEVELS))


def scale_position(log_scale: jax.Array) -> jax.Array:
    """Where ln(scale) lies in the table, continuous: 0 at the first entry, 63 at the last."""
    position = (log_scale - LOG_SCALE_MIN) / LOG_STEP
    return jnp.clip(position, 0, SCALE_LEVELS - 1)


def gaussian_bits(q: jax.Array, log_scale: jax.Array) -> jax.Array:
    """Bits of q under a zero-mean Gaussian integrated over [q - 1/2, q + 1/2], elementwise.

    Ballé et al. 2018, equation (5). The scale is held within the coder's table; gradients pass the lower end upwards.
    """
    log_scale = jnp.minimum(lower_bound(log_scale, LOG_SCALE_MIN), LOG_SCALE_MAX)
    inverse_scale = jnp.exp(-log_scale)
    # Both ends in the lower tail, where the difference of two small numbers keeps its digits.
    distance = jnp.abs(q)
    upper = jax.scipy.stats.norm.cdf((0.5 - distance) * inverse_scale)
    lower = jax.scipy.stats.norm.cdf((-0.5 - distance) * inverse_scale)
    return -jnp.log2(lower_bound(upper - lower, LEAST_LIKELIHOOD))
