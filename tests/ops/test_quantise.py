"""Rounding as training sees it, and the bound that lets values climb back."""

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.ops import add_uniform_noise, lower_bound, round_straight_through

X = jnp.asarray([-1.7, -0.5, 0.2, 0.5, 3.4])


def test_straight_through_rounds_and_passes_the_gradient_of_the_identity():
    y, gradient = jax.vjp(round_straight_through, X)
    np.testing.assert_array_equal(y, np.round(X))
    np.testing.assert_array_equal(gradient(2 * X)[0], 2 * X)


def test_noise_is_uniform_over_one_quantisation_step():
    noise = np.asarray(
        add_uniform_noise(jax.random.split(jax.random.key(0), 10), jnp.zeros((10, 10**4)))
    )
    assert -0.5 <= noise.min() < -0.499 and 0.499 < noise.max() < 0.5
    assert abs(noise.var() - 1 / 12) < 3e-3 / 12 * 3  # three standard errors of 1e5 draws


def test_a_lower_bound_stops_only_gradients_that_would_sink_deeper():
    x = jnp.asarray([-1.0, -1.0, 2.0])
    y, gradient = jax.vjp(lambda x: lower_bound(x, 0.5), x)
    np.testing.assert_array_equal(y, [0.5, 0.5, 2.0])
    # Descent subtracts the gradient: a negative one raises x.
    np.testing.assert_array_equal(gradient(jnp.asarray([1.0, -1.0, 1.0]))[0], [0.0, -1.0, 1.0])
