"""Convolutions, GDN and residual blocks against their plain meanings."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.errors import InvalidInput
from hcfss_jax.layers import (
    GDN,
    CheckerboardConv,
    DepthwiseConv,
    ResidualBlockUpsample,
    ResidualBlockWithStride,
    TransposedConv,
    conv,
    depth_to_space,
)
from hcfss_jax.layers.gain import RateGain

KEY = jax.random.key(0)
X = jax.random.normal(jax.random.key(1), (2, 6, 8, 4))


@pytest.mark.parametrize("kernel", [3, 5])
def test_depthwise_by_shifts_equals_the_grouped_convolution(kernel):
    layer = DepthwiseConv(kernel=kernel)
    variables = layer.init(KEY, X)
    grouped = nn.Conv(4, (kernel, kernel), feature_group_count=4)
    np.testing.assert_allclose(layer.apply(variables, X), grouped.apply(variables, X), atol=2e-6)


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_a_transposed_convolution_is_the_gradient_of_one_with_stride(kernel):
    down, up = conv(4, kernel, stride=2), TransposedConv(3, kernel)
    large = jax.random.normal(KEY, (2, 12, 16, 3))
    variables = down.init(KEY, large)
    bias = jnp.asarray([1.0, 2.0, 3.0])
    found = up.apply({"params": {**variables["params"], "bias": bias}}, X)
    (wanted,) = jax.vjp(lambda x: down.apply(variables, x), large)[1](X)
    np.testing.assert_allclose(found - bias, wanted, atol=1e-5)


def test_a_transposed_convolution_takes_no_even_kernel():
    with pytest.raises(InvalidInput, match="odd kernel, not 4"):
        TransposedConv(3, 4).init(KEY, X)


def test_a_checkerboard_convolution_sees_the_other_colour_alone():
    layer = CheckerboardConv(1)
    variables = layer.init(KEY, X)
    i, j = np.indices((6, 8))
    seen = jax.jacobian(lambda x: layer.apply(variables, x)[0, 2, 3, 0])(X)[0]
    near = (abs(i - 2) <= 2) & (abs(j - 3) <= 2)
    np.testing.assert_array_equal(np.any(seen != 0, axis=-1), near & ((i + j) % 2 == 0))


def test_depth_to_space_puts_the_channels_of_a_cell_side_by_side():
    cell = jnp.arange(8.0).reshape(1, 1, 1, 8)
    np.testing.assert_array_equal(depth_to_space(cell)[0, :, :, 0], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(depth_to_space(cell)[0, :, :, 1], [[4, 5], [6, 7]])


def test_gdn_is_the_formula_of_the_paper():
    params = {"beta": jnp.full(4, 1.5), "gamma": jnp.abs(jax.random.normal(KEY, (4, 4)))}
    norm = 1.5**2 + np.einsum("bhwi,ij->bhwj", np.square(X), np.square(params["gamma"]))
    y = GDN().apply({"params": params}, X)
    np.testing.assert_allclose(y, X / np.sqrt(norm), rtol=1e-5, atol=1e-6)
    inverse = GDN(inverse=True).apply({"params": params}, X)
    np.testing.assert_allclose(inverse, X * np.sqrt(norm), rtol=1e-5, atol=1e-6)


def test_gdn_stays_finite_where_its_parameters_sank_below_their_bounds():
    params = {"beta": jnp.full(4, -3.0), "gamma": jnp.full((4, 4), -3.0)}
    assert np.isfinite(GDN().apply({"params": params}, X)).all()


@pytest.mark.parametrize(
    "layer, shape",
    [
        (ResidualBlockWithStride(5), (2, 3, 4, 5)),
        (ResidualBlockUpsample(5), (2, 12, 16, 5)),
        (ResidualBlockUpsample(5, skip_kernel=1), (2, 12, 16, 5)),
    ],
)
def test_strided_blocks_halve_and_double(layer, shape):
    assert jax.eval_shape(layer.init_with_output, KEY, X)[0].shape == shape


def test_gains_are_geometric_between_levels():
    layer = RateGain(levels=3, channels=4, start=(-1.0, 1.0))
    levels = jnp.asarray([0.0, 0.5, 1.0, 2.0])
    gain = layer.apply(layer.init(KEY, levels), levels)
    assert gain.shape == (4, 1, 1, 4)
    np.testing.assert_allclose(gain[:, 0, 0, 0], np.exp([-1, -0.5, 0, 1]), rtol=1e-6)
