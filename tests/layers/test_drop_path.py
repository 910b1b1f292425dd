"""Stochastic depth: right on average, each image by its own key, the same in loops and under rematerialisation."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.layers import VSS
from hcfss_jax.layers.convolution import conv
from hcfss_jax.layers.drop_path import along_branch, branch_factors, images_dropped_by, linear_rates
from hcfss_jax.layers.one_loop import equal_modules_in_loops, in_turn
from hcfss_jax.layers.remat import remat_if

RATES = (0.0, 0.1, 0.5)
KEYS = jax.random.split(jax.random.key(0), 2000)


def factors(keys, place="g_a"):
    with images_dropped_by(keys):
        return branch_factors(RATES, place)


def test_a_block_is_gone_past_as_often_as_its_rate_says_and_counts_1_on_average():
    kept = factors(KEYS)
    # 4 standard deviations of a mean over 2000 draws.
    for rate, of_block in zip(RATES, kept, strict=True):
        assert np.mean(of_block == 0) == pytest.approx(rate, abs=4 * np.sqrt(rate / 2000))
        np.testing.assert_allclose(np.unique(of_block)[-1], 1 / (1 - rate), rtol=1e-6)
    together = np.mean((kept[1] == 0) & (kept[2] == 0))  # independent of each other
    assert together == pytest.approx(0.05, abs=4 * np.sqrt(0.05 / 2000))


def test_an_image_s_draws_depend_on_its_own_key_and_on_the_place():
    kept = factors(KEYS)
    np.testing.assert_array_equal(factors(KEYS[7:9]), kept[:, 7:9])
    np.testing.assert_array_equal(factors(KEYS[::-1]), kept[:, ::-1])
    differ = np.mean((factors(KEYS, "g_s") == 0) != (kept == 0), axis=1)
    assert differ[2] == pytest.approx(0.5, abs=0.05)


def test_outside_of_training_nothing_is_drawn():
    assert branch_factors(RATES, "g_a") is None
    with images_dropped_by(KEYS):
        assert branch_factors((0.0, 0.0), "g_a") is None


def test_rates_rise_linearly_from_0():
    np.testing.assert_allclose(linear_rates(0.1, 15)[:3], [0, 0.1 / 14, 0.2 / 14])
    assert linear_rates(0.1, 15)[-1] == 0.1 and linear_rates(0.1, 1) == (0.0,)


class Block(nn.Module):
    """The least that has a branch."""

    @nn.compact
    def __call__(self, x: jax.Array, kept: jax.Array | None = None) -> jax.Array:
        return x + along_branch(kept, jnp.tanh(conv(x.shape[-1], name="conv")(x)))


class Stage(nn.Module):
    """Three blocks in turn."""

    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        blocks = [remat_if(self.remat, Block)(name=f"block{i}") for i in range(3)]
        return in_turn(blocks, x, branch_factors(RATES, "stage"))


X = jax.random.normal(jax.random.key(1), (4, 3, 5, 4))


def run(loops: bool, remat: bool):
    stage, keys = Stage(remat), jax.random.split(jax.random.key(3), 4)
    params = Stage().init(jax.random.key(2), X)

    def loss(params, x, keys):
        with images_dropped_by(keys):
            if not loops:
                y = stage.apply(params, x)
            else:
                with equal_modules_in_loops():
                    y = stage.apply(params, x)
        return jnp.sum(jnp.sin(y)), y

    return jax.jit(jax.value_and_grad(loss, has_aux=True))(params, X, keys)


@pytest.mark.parametrize("loops, remat", [(True, False), (False, True), (True, True)])
def test_loops_and_remat_change_no_value(loops, remat):
    wanted, found = run(False, False), run(loops, remat)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), found, wanted)


def test_an_image_goes_past_a_vss_block_unchanged():
    block, kept = VSS(2, 1.0), jnp.asarray([0.0, 1.0, 0.0, 2.0])
    params = block.init(jax.random.key(2), X)
    run = jax.jit(block.apply)
    y, whole = run(params, X, kept), run(params, X)
    np.testing.assert_array_equal(y[::2], X[::2])
    np.testing.assert_allclose(y[1], whole[1], rtol=1e-6)
    np.testing.assert_allclose(y[3] - X[3], 2 * (whole[3] - X[3]), rtol=1e-4, atol=1e-5)
