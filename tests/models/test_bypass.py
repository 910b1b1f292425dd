"""Transforms beside a complete basis: what they start as, and that no picture is out of their reach."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.models import create_model
from tests.small_model import SMALL, photo, small_model

TINY = "hcfssnet-tiny"
CHECKERS = np.repeat(255 * (np.indices((64, 64)).sum(0) % 2), 3).reshape(64, 64, 3)
PICTURES = np.stack([photo(64, 64), CHECKERS]) / np.float32(255)


def test_before_training_what_is_analysed_is_synthesised_again_whatever_it_shows():
    model, level = small_model(TINY), jnp.asarray([0.0, 11.0])
    variables = model.init(
        jax.random.key(0), PICTURES, level, jax.random.split(jax.random.key(0), 2)
    )

    @jax.jit
    def there_and_back(x):
        y = model.apply(variables, x, level, method="analyse")["y"]
        return model.apply(variables, (None, y), level, method="synthesise"), y

    x_hat, y = there_and_back(PICTURES)
    assert y.shape == (2, 4, 4, 768)
    # A DCT there and back, and a gain of up to 30 and its inverse.
    np.testing.assert_allclose(x_hat, PICTURES, atol=2e-5)


def test_slices_that_are_not_the_bands_are_refused():
    with pytest.raises(ValueError, match=r"slices=\(4, 4\) must be \(48, 720\)"):
        create_model(TINY, **SMALL[TINY] | {"slices": (4, 4)})
