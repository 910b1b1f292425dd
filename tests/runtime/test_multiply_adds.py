"""Multiply-adds are those that one would count by hand."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from hcfss_jax.layers.transposed_conv import TransposedConv
from hcfss_jax.runtime.multiply_adds import multiply_adds


def shape(*sides: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(sides, jnp.float32)


def convolution(x, kernel, **options):
    return lax.conv_general_dilated(
        x, kernel, padding="SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"), **options
    )


def test_a_matrix_product_takes_one_for_each_term_of_each_element():
    assert multiply_adds(jnp.matmul, shape(5, 2, 3), shape(5, 3, 4)) == 5 * 2 * 3 * 4


def test_a_convolution_takes_one_for_each_tap_channel_and_output():
    def halve(x, kernel):
        return convolution(x, kernel, window_strides=(2, 2))

    assert multiply_adds(halve, shape(1, 8, 8, 6), shape(3, 3, 6, 4)) == 4 * 4 * 4 * 9 * 6


def test_a_depthwise_convolution_sees_one_channel_at_a_time():
    def depthwise(x, kernel):
        return convolution(x, kernel, window_strides=(1, 1), feature_group_count=6)

    assert multiply_adds(depthwise, shape(1, 8, 8, 6), shape(3, 3, 1, 6)) == 64 * 6 * 9


def test_zeros_between_the_samples_of_a_transposed_convolution_do_not_count():
    def double(x, kernel):
        return lax.conv_transpose(x, kernel, (2, 2), "SAME")

    assert multiply_adds(double, shape(1, 4, 4, 6), shape(4, 4, 6, 2)) == 64 * 2 * 4 * 6


@pytest.mark.parametrize("kernel", [3, 5])
def test_a_transposed_convolution_counts_alike_however_it_is_computed(kernel):
    """`TransposedConv` pads its kernel so as to be a plain convolution."""
    layer, x = TransposedConv(7, kernel), shape(1, 4, 6, 5)
    params = jax.eval_shape(layer.init, jax.random.key(0), x)
    by_hand = (
        (4 * 6) * kernel**2 * 5 * 7
    )  # each sample meets each tap, once for each pair of channels
    assert multiply_adds(layer.apply, params, x) == by_hand
    assert multiply_adds(jax.jit(jax.checkpoint(layer.apply)), params, x) == by_hand


def test_a_loop_counts_as_often_as_it_turns_and_calls_are_looked_into():
    @jax.jit
    def power(x):
        return lax.fori_loop(0, 10, lambda _, y: y @ x, x)

    assert multiply_adds(power, shape(3, 3)) == 10 * 27
    assert multiply_adds(jax.checkpoint(power), shape(3, 3)) == 10 * 27


def test_of_two_branches_the_dearer_counts():
    def either(x):
        return lax.cond(x[0, 0] > 0, lambda x: x @ x, lambda x: x @ x @ x, x)

    assert multiply_adds(either, shape(3, 3)) == 2 * 27


def test_what_is_elementwise_does_not_count():
    assert multiply_adds(lambda x: jnp.exp(x) * x + x, shape(3, 3)) == 0
