"""Soft rounding: near an integer where it is cold, always between the two next ones, and with a gradient."""

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.entropy.soft_rounding import two_way_rounding

X = jnp.linspace(-3, 3, 4001)
KEY = jax.random.key(0)


def test_it_lies_between_the_integers_below_and_above():
    found = two_way_rounding(KEY, X, jnp.float32(0.5))
    assert np.all((found >= np.floor(X)) & (found <= np.floor(X) + 1))


def test_cold_it_is_rounding():
    clear = np.abs(X - np.floor(X) - 0.5) > 0.05
    found = two_way_rounding(KEY, X, jnp.float32(0.005))
    np.testing.assert_allclose(found[clear], np.round(X)[clear], atol=1e-3)


def test_gradients_are_finite_at_integers_too():
    slope = jax.grad(lambda x: jnp.sum(two_way_rounding(KEY, x, jnp.float32(0.1))))
    for x in (X, jnp.round(X)):
        assert np.all(np.isfinite(slope(x)))
