"""Wavelets by lifting: against a plain twin, and against what makes them wavelets."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.errors import InvalidInput
from hcfss_jax.ops import (
    haar,
    inverse_lift,
    inverse_wavelet_2d,
    inverse_wavelet_3d,
    lift,
    reference,
    wavelet_2d,
    wavelet_3d,
)
from hcfss_jax.ops.lifting import WAVELETS, lifting_matrix
from hcfss_jax.ops.wavelet_3d import halves

KINDS = [*((name, "standard") for name in WAVELETS), ("5/3", "repo"), ("9/7", "repo")]
SHAPES = [(2, 8, 12, 6), (1, 7, 9, 5), (1, 8, 5, 1), (1, 1, 3, 4), (1, 1, 1, 7)]


def signal(shape):
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.normal(size=shape), jnp.float32)


def assert_inverted(found, x):
    np.testing.assert_allclose(found, x, rtol=0, atol=1e-6 * np.max(np.abs(x)))


@pytest.mark.parametrize("wavelet, neighbours", KINDS)
@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 16, 31])
def test_a_signal_of_any_length_is_split_as_by_the_twin_and_put_together_again(
    wavelet, neighbours, length
):
    x = signal((2, length, 3))
    low, high = lift(x, wavelet, 1, neighbours)
    assert (low.shape[1], high.shape[1]) == (-(-length // 2), length // 2)
    for found, wanted in zip((low, high), reference.lift(x, wavelet, 1, neighbours), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=3e-6)
    assert_inverted(inverse_lift(low, high, wavelet, 1, neighbours), x)


@pytest.mark.parametrize("wavelet, neighbours", KINDS)
@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_maps_of_odd_and_even_sides_and_channels_come_back(wavelet, neighbours, levels, shape):
    x = signal(shape)
    pyramid = wavelet_3d(x, wavelet, levels, neighbours)
    assert sum(leaf.size for leaf in jax.tree.leaves(pyramid)) == x.size  # nothing is doubled
    assert len(pyramid.details) == levels
    assert_inverted(inverse_wavelet_3d(pyramid, wavelet, neighbours), x)


@pytest.mark.parametrize("wavelet", WAVELETS)
@pytest.mark.parametrize("shape", SHAPES[:2])
def test_three_axes_in_turn_are_the_twin_s(wavelet, shape):
    x = signal(shape)
    found = wavelet_3d(x, wavelet, 2)
    low = np.concatenate(reference.lift(x, wavelet, 3), axis=3)
    for details in reversed(found.details):
        upper, lower = reference.lift(low, wavelet, 1)
        (low, *hl), lh_hh = (reference.lift(part, wavelet, 2) for part in (upper, lower))
        for band, wanted in zip(details, (lh_hh[0], *hl, lh_hh[1]), strict=True):
            np.testing.assert_allclose(band, wanted, rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.low, low, rtol=0, atol=1e-5)
    assert [part.shape[-1] for part in halves(found.low)] == [-(-shape[3] // 2), shape[3] // 2]


@pytest.mark.parametrize("wavelet, gain", [("5/3", 1), ("9/7", 2**0.5), ("haar", 2**0.5)])
@pytest.mark.parametrize("length", [8, 9, 3])
def test_a_constant_has_no_high_frequencies_and_low_ones_of_one_value(wavelet, gain, length):
    low, high = lift(jnp.ones(length), wavelet, 0)
    np.testing.assert_allclose(low, gain, rtol=1e-5)
    np.testing.assert_allclose(high, 0, atol=1e-6)


@pytest.mark.parametrize("wavelet, degree", [("5/3", 1), ("9/7", 3), ("haar", 0)])
def test_polynomials_up_to_its_degree_have_no_high_frequencies_within(wavelet, degree):
    """What the names promise; at the seam of the circle a polynomial jumps."""
    x = jnp.asarray(np.linspace(-1, 1, 32) ** degree, jnp.float32)
    _, high = lift(x, wavelet, 0)
    np.testing.assert_allclose(high[4:-4], 0, atol=1e-6)
    _, high = lift(x * jnp.linspace(-1, 1, 32), wavelet, 0)  # and those of one degree more do
    assert np.max(np.abs(high[4:-4])) > 1e-5


def test_haar_by_lifting_is_haar_by_cells():
    x = signal((1, 6, 10, 3))
    np.testing.assert_allclose(
        jnp.concatenate(wavelet_2d(x, "haar"), axis=-1), haar(x), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_within_an_area_a_map_is_what_it_is_alone(wavelet):
    """So that a picture in an array of one of a few sizes codes as in one of its own."""
    x = signal((1, 16, 24, 3))
    rows, columns = 12, 8

    @functools.partial(jax.jit, static_argnums=0)
    def both(levels, x, area):
        pyramid = wavelet_3d(x, wavelet, levels, area=area)
        return pyramid, inverse_wavelet_3d(pyramid, wavelet, area=area)

    alone, area = x[:, :rows, :columns], (jnp.asarray(rows), jnp.asarray(columns))
    found, back = both(2, x, area)
    wanted = wavelet_3d(alone, wavelet, 2)
    for band, exact in zip(*map(jax.tree.leaves, (found, wanted)), strict=True):
        inner = band[:, : exact.shape[1], : exact.shape[2]]
        # Compiled, products and sums are rounded once together; a seam in the wrong place moves by tenths.
        np.testing.assert_allclose(inner, exact, rtol=0, atol=1e-5)
    assert_inverted(back[:, :rows, :columns], alone)


@pytest.mark.parametrize("wavelet, neighbours", KINDS)
def test_the_matrix_of_a_wavelet_is_its_function(wavelet, neighbours):
    x = signal((4, 9))
    found = x @ lifting_matrix(wavelet, 9, neighbours)
    wanted = jnp.concatenate(lift(x, wavelet, 1, neighbours), axis=1)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)
    assert_inverted(found @ lifting_matrix(wavelet, 9, neighbours, inverse=True), x)


def test_one_level_of_rows_and_columns_comes_back():
    for wavelet, shape in itertools.product(WAVELETS, SHAPES):
        x = signal(shape)
        assert_inverted(inverse_wavelet_2d(wavelet_2d(x, wavelet), wavelet), x)


@pytest.mark.parametrize(
    "how, says",
    [
        (("4/3",), "wavelet='4/3': choose one of"),
        (("5/3", 0, "mirrored"), "neighbours='mirrored': choose one of"),
        (("haar", 0, "repo"), "neighbours='repo' is of 5/3 and 9/7"),
    ],
)
def test_what_there_is_not_is_named(how, says):
    wavelet, *others = how
    with pytest.raises(InvalidInput, match=says):
        lift(jnp.ones(4), wavelet, *(others or [0]))
