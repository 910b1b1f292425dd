"""The probability models: that they are probabilities, and that tables carry them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from hcfss_jax.coding import symbol_bits
from hcfss_jax.entropy import FactorisedPrior, gaussian_bits, scale_position, scale_table
from hcfss_jax.entropy.distributions import Factorised
from hcfss_jax.entropy.gaussian import LOG_STEP

KEY = jax.random.key(0)


@pytest.mark.parametrize("scale", [0.11, 0.7, 5.0, 100.0])
def test_gaussian_bits_are_those_of_the_integrated_density(scale):
    q = np.arange(-int(4 * scale), int(4 * scale) + 1)
    wanted = -np.log2(stats.norm.cdf((q + 0.5) / scale) - stats.norm.cdf((q - 0.5) / scale))
    found = gaussian_bits(jnp.asarray(q, jnp.float32), jnp.full(q.shape, np.log(scale)))
    np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=2e-5)


def test_gaussian_bits_far_out_stay_finite_and_so_do_their_gradients():
    q, log_scale = jnp.asarray([0.0, 1e6, -1e6]), jnp.asarray([-50.0, 0.0, 50.0])
    bits = gaussian_bits(q, log_scale)
    slopes = jax.grad(lambda *a: jnp.sum(gaussian_bits(*a)), argnums=(0, 1))(q, log_scale)
    assert all(np.isfinite(x).all() for x in (bits, *slopes))


def test_a_scale_below_the_floor_can_climb_back():
    slope = jax.grad(lambda s: gaussian_bits(jnp.asarray(1.0), s))(jnp.asarray(-5.0))
    assert slope < 0


def test_a_scale_has_its_position_in_the_table_and_is_clipped_at_both_ends():
    table = scale_table()
    assert (
        table.shape == (64,) and table[0] == pytest.approx(0.11) and table[-1] == pytest.approx(256)
    )
    logs = jnp.asarray(np.log(table) + 0.4 * LOG_STEP, jnp.float32)
    np.testing.assert_allclose(scale_position(logs)[:-1], np.arange(63) + 0.4, atol=1e-4)
    np.testing.assert_array_equal(scale_position(jnp.asarray([-99.0, 99.0])), [0, 63])


@pytest.fixture(scope="module")
def prior():
    layer = FactorisedPrior(5)
    rng = np.random.default_rng(0)
    initial = jax.jit(layer.init)(KEY)
    return layer.apply(jax.tree.map(lambda x: x + 0.5 * rng.normal(size=x.shape), initial))


def test_the_prior_is_a_distribution_over_the_integers(prior):
    pmf, logits = prior.pmfs()
    np.testing.assert_allclose(pmf.sum(0), 1, atol=1e-4)
    assert np.all(np.diff(logits, axis=0) >= 0)


def test_tables_of_the_prior_cost_what_it_promises(prior):
    pmf, _ = prior.pmfs()
    tables = Factorised.tables(lambda: prior)
    rng = np.random.default_rng(0)
    draws = np.stack([rng.choice(pmf.shape[0], 2000, p=p / p.sum()) for p in np.float64(pmf).T], 1)
    z = (draws - pmf.shape[0] // 2).astype(np.int32)
    channels = np.broadcast_to(np.arange(5, dtype=np.int32), z.shape)
    coded = symbol_bits(z.ravel(), channels.ravel(), tables)
    promised = prior.bits(jnp.asarray(z, jnp.float32))
    assert np.sum(coded) == pytest.approx(float(jnp.sum(promised)), rel=2e-3)
