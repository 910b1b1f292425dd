"""Products as an accelerator's, for a process that trains on a CPU."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from hcfss_jax.entropy.steps import FULL
from train import bfloat16_products


@pytest.fixture(autouse=True)
def _rounded(monkeypatch):
    for product in bfloat16_products._PRODUCTS:
        monkeypatch.setattr(product, "bind", product.bind)  # put back afterwards
    bfloat16_products.round_operands()


def rounded(x):
    return jnp.asarray(x).astype(jnp.bfloat16).astype(jnp.float32)


def drawn(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def convolved(x, kernel, precision=None):
    numbers = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=numbers, precision=precision
    )


@pytest.mark.parametrize("product", [jnp.matmul, convolved])
def test_operands_are_rounded_unless_more_is_asked_for(product):
    shapes = ((8, 9), (9, 7)) if product is jnp.matmul else ((1, 8, 8, 4), (3, 3, 4, 5))
    a, b = drawn(0, *shapes[0]), drawn(1, *shapes[1])
    found = jax.jit(product)(a, b)
    np.testing.assert_allclose(
        found, product(rounded(a), rounded(b), precision=FULL), rtol=0, atol=1e-5
    )
    with jax.default_matmul_precision(FULL):
        full = jax.jit(product)(a, b)
    exact = product(*(jnp.asarray(x, jnp.float32) for x in (a, b)), precision=FULL)
    np.testing.assert_array_equal(full, exact)
    assert np.abs(found - full).max() > 1e-3


def test_so_are_those_of_gradients_through_loops_and_what_is_computed_again():
    a, b, weight = drawn(0, 8, 9), drawn(1, 9, 9), drawn(2, 8, 9)

    @jax.checkpoint
    def layer(x, _):
        return x @ b, None

    def total(x):
        return (lax.scan(layer, x, None, length=2)[0] * weight).sum()

    found = jax.jit(jax.grad(total))(a)
    once = rounded(weight) @ rounded(b).T
    twice = rounded(once) @ rounded(b).T
    np.testing.assert_allclose(found, rounded(twice), rtol=1e-2, atol=1e-2)
    with jax.default_matmul_precision(FULL):
        full = jax.jit(jax.grad(total))(a)
        np.testing.assert_allclose(full, weight @ b.T @ b.T, rtol=1e-4, atol=1e-4)
    assert np.abs(found - full).max() > 1e-2
