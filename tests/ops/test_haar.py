"""The Haar transform against what makes it one."""

import jax.numpy as jnp
import numpy as np

from hcfss_jax.ops import haar, inverse_haar

X = jnp.asarray(np.random.default_rng(0).normal(size=(2, 6, 10, 3)), jnp.float32)


def test_it_loses_nothing_and_keeps_the_energy():
    bands = haar(X)
    assert bands.shape == (2, 3, 5, 12)
    np.testing.assert_allclose(inverse_haar(bands), X, atol=1e-6)
    np.testing.assert_allclose(np.sum(bands**2), np.sum(X**2), rtol=1e-5)


def test_its_first_channels_are_twice_the_means_of_cells():
    means = X.reshape(2, 3, 2, 5, 2, 3).mean((2, 4))
    np.testing.assert_allclose(haar(X)[..., :3], 2 * means, atol=1e-6)


def test_what_is_constant_along_an_axis_has_no_difference_along_it():
    rows = jnp.broadcast_to(X[:, :, :1], X.shape)  # differ from each other, each constant
    _, rows_differ, columns_differ, both = jnp.split(haar(rows), 4, axis=-1)
    assert np.all(columns_differ == 0) and np.all(both == 0) and np.any(rows_differ != 0)
