"""The windowed DCT: the product form against its twins, and what makes a DCT one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.ops import inverse_windowed_dct, reference, windowed_dct
from hcfss_jax.ops.dct import windowed_dct_by_fft


def windows(seed: int = 0, size: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, 3, 2, size, size, 5)).astype(np.float32)


@pytest.mark.parametrize("size", [4, 8])
def test_the_product_form_equals_the_cosine_sum_and_the_fft_form(size):
    x = windows(size=size)
    found = np.asarray(windowed_dct(jnp.asarray(x)))
    # Two float32 products of 8 terms each: a few times 2**-24.
    np.testing.assert_allclose(found, reference.windowed_dct(x, size), atol=2e-6)
    np.testing.assert_allclose(found, windowed_dct_by_fft(jnp.asarray(x)), atol=4e-6)


def test_gradients_of_the_product_form_are_those_of_the_fft_form():
    x, weight = jnp.asarray(windows()), jnp.asarray(windows(1))
    by = [
        jax.grad(lambda x, f=f: jnp.sum(f(x) * weight))(x)
        for f in (windowed_dct, windowed_dct_by_fft)
    ]
    np.testing.assert_allclose(*by, atol=4e-6)


def test_the_inverse_undoes_the_transform():
    x = jnp.asarray(windows())
    np.testing.assert_allclose(inverse_windowed_dct(windowed_dct(x)), x, atol=2e-6)


def test_the_transform_keeps_energy_and_puts_a_flat_window_into_frequency_0():
    x = windows()
    np.testing.assert_allclose(np.sum(windowed_dct(x) ** 2), np.sum(x**2), rtol=1e-5)
    flat = windowed_dct(jnp.full((8, 8, 1), 3.0))
    np.testing.assert_allclose(flat.at[0, 0, 0].add(-24.0), 0, atol=1e-5)


def test_bfloat16_windows_are_transformed_in_float32():
    assert windowed_dct(jnp.ones((8, 8, 1), jnp.bfloat16)).dtype == jnp.float32
