"""A picture in bands of frequencies: orthonormal, complete, and in the order that its name says."""

import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.ops.frequency_bands import band_channels, from_bands, to_bands

BORDERS = (2, 4, 6, 8, 16)


def test_the_bands_hold_the_picture_and_its_energy():
    x = np.random.default_rng(0).normal(size=(2, 32, 48, 3)).astype(np.float32)
    y = to_bands(jnp.asarray(x), BORDERS)
    assert y.shape == (2, 2, 3, 768) and sum(band_channels(BORDERS)) == 768
    # Sums of 16 products, twice each way, of numbers of about 1.
    np.testing.assert_allclose(from_bands(y, BORDERS), x, atol=5e-6)
    np.testing.assert_allclose(np.sum(np.square(y)), np.sum(np.square(x)), rtol=1e-5)


@pytest.mark.parametrize("down, across", [(0, 0), (1, 0), (0, 3), (5, 2), (7, 7), (8, 0), (3, 15)])
def test_a_wave_of_two_frequencies_lies_in_the_band_of_the_larger(down, across):
    i, j = np.mgrid[:16, :16] + 0.5
    wave = np.cos(np.pi * down * i / 16) * np.cos(np.pi * across * j / 16)
    y = to_bands(jnp.asarray(np.repeat(wave[None, ..., None], 3, -1)), BORDERS)
    energy = np.square(np.asarray(y).ravel())
    bands = np.split(energy, np.cumsum(band_channels(BORDERS))[:-1])
    own = next(i for i, border in enumerate(BORDERS) if max(down, across) < border)
    np.testing.assert_allclose(np.sum(bands[own]), np.sum(energy), rtol=1e-5)
    assert np.sum(energy) == pytest.approx(np.sum(3 * wave**2), rel=1e-5)


def test_grey_has_no_colour():
    y = np.asarray(to_bands(jnp.ones((1, 16, 16, 3)), BORDERS)).ravel()
    assert y[0] == pytest.approx(16 * np.sqrt(3), rel=1e-6)
    np.testing.assert_allclose(y[1:], 0, atol=1e-5)
