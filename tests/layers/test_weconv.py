"""WeConv beside what its golden data cannot say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.errors import InvalidInput
from hcfss_jax.layers import WeConvDown, WeConvUp

KEY = jax.random.key(0)
X = jnp.asarray(np.random.default_rng(0).normal(size=(1, 8, 12, 4)), jnp.float32)


def test_down_then_up_halves_and_doubles_maps_that_are_not_square():
    down, _ = WeConvDown(6).init_with_output(KEY, X)
    up, _ = WeConvUp(4).init_with_output(KEY, down)
    assert down.shape == (1, 4, 6, 6) and up.shape == X.shape


def test_sides_whose_half_has_no_cells_are_named():
    with pytest.raises(InvalidInput, match=r"WeConvDown .* multiples of 4, not 8x10"):
        WeConvDown(6).init(KEY, X[:, :, :10])
