"""A mixture against SciPy, and its symbols as decisions: how many bits they take, and that every integer comes back."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from hcfss_jax.coding import RangeDecoder, encode
from hcfss_jax.entropy.decisions import (
    COINS,
    FAIR,
    NEAR,
    coin_tables,
    decide,
    nearest_coin,
    position,
)
from hcfss_jax.entropy.mixture import NINE, Mixture, nine_of, one_gaussian
from hcfss_jax.errors import CorruptSection

OF_SCIPY = {"gaussian": stats.norm, "laplacian": stats.laplace, "logistic": stats.logistic}
TABLES = coin_tables()


def drawn(count: int, seed: int = 0) -> tuple[Mixture, np.ndarray]:
    """Mixtures of nine, narrow and wide ones, and an integer of each."""
    rng = np.random.default_rng(seed)
    means = rng.normal(0, 1.5, (count, 1)) + rng.normal(0, 0.3, (count, 9))
    scales = np.exp(rng.normal(-0.5, 1, (count, 1)) + rng.normal(0, 0.4, (count, 9))).clip(0.11)
    weights = rng.dirichlet(np.ones(9), count)
    chosen = (rng.random((count, 1)) > np.cumsum(weights, axis=1)).sum(1).clip(0, 8)
    every = np.arange(count)
    noise = np.stack([rng.normal(size=count), rng.laplace(size=count), rng.logistic(size=count)])
    y = means[every, chosen] + scales[every, chosen] * noise[chosen // 3, every]
    arrays = (jnp.asarray(a, jnp.float32) for a in (weights, means, scales))
    return Mixture(*arrays, NINE), np.round(y).astype(np.int32)


def exact_mass(given: Mixture, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The same in float64, in whichever tail keeps digits."""
    total = np.zeros(len(low))
    for i, kind in enumerate(given.kinds):
        of = OF_SCIPY[kind](*(np.asarray(a[:, i], np.float64) for a in (given.means, given.scales)))
        above = low - 0.5 > np.asarray(given.means[:, i])
        below = of.cdf(high + 0.5) - of.cdf(low - 0.5)
        total += given.weights[:, i] * np.where(above, of.sf(low - 0.5) - of.sf(high + 0.5), below)
    return total


def test_masses_are_those_of_scipy_far_out_in_the_tails_too():
    given, q = drawn(5000)
    for low, high in ((q, q), (q + 6, q + 6), (q - 9, q - 7), (-np.inf + q, q), (q, q + np.inf)):
        low, high = np.float64(low), np.float64(high)
        wanted = exact_mass(given, low, high)
        np.testing.assert_allclose(
            given.mass(jnp.float32(low), jnp.float32(high)), wanted, rtol=3e-3, atol=1e-9
        )
    np.testing.assert_array_equal(given.mass(q, q - 1.0), 0)


def test_bits_have_gradients_wherever_a_symbol_lies():
    given, q = drawn(2000)

    def cost(given):
        return jnp.sum(given.bits(jnp.float32(q + 3)))

    for gradient in jax.tree.leaves(jax.grad(cost)(given)):
        assert np.all(np.isfinite(gradient)) and np.mean(gradient != 0) > 0.9


def test_the_nine_of_a_net_are_two_softmaxes_and_absolute_scales():
    found = np.random.default_rng(0).normal(size=(1, 2, 3, 30 * 2)).astype(np.float32)
    given = nine_of(found)
    assert given.weights.shape == (1, 2, 3, 2, 9)
    np.testing.assert_allclose(given.weights.sum(-1), 1, rtol=1e-5)
    # Channel 1 of group k lies at 2 k + 1; component 4, a Laplacian, has groups 12 to 14.
    np.testing.assert_array_equal(given.means[0, 1, 2, 1, 4], found[0, 1, 2, 2 * 13 + 1])
    scale = max(0.11, abs(found[0, 1, 2, 2 * 14 + 1]))
    np.testing.assert_allclose(given.scales[0, 1, 2, 1, 4], scale)
    logits = found[0, 1, 2, [2 * g + 1 for g in (9, 12, 15)]]
    kinds = found[0, 1, 2, [2 * g + 1 for g in (27, 28, 29)]]
    share = np.exp(logits[1]) / np.exp(logits).sum() * np.exp(kinds[1]) / np.exp(kinds).sum()
    np.testing.assert_allclose(given.weights[0, 1, 2, 1, 4], share, rtol=1e-5)


@functools.cache
def _position():
    return jax.jit(position)


def asked(given: Mixture, question) -> np.ndarray:
    """The place of each coin."""
    of_each = jax.tree.map(lambda x: x[question.which], given)
    return np.asarray(_position()(of_each, question.near, question.far))


def as_parts(given: Mixture, q: np.ndarray):
    """What an encoder makes of integers `[n]`."""
    parts = []

    def answers(question):
        near = (question.near[:, 0] <= q[question.which]) & (
            q[question.which] <= question.near[:, 1]
        )
        coins = np.floor(asked(given, question) + 0.5).astype(np.int32)
        parts.append((np.where(near, NEAR, 1 - NEAR).astype(np.int32), coins, TABLES))
        return near

    np.testing.assert_array_equal(decide(q.size, answers), q)
    return parts


def test_a_million_symbols_take_what_the_mixture_says_and_come_back():
    """Within two parts in a thousand; 0.5 % is promised. Of 4096 mixtures many symbols each, to draw them quickly."""
    few, _ = drawn(4096)
    count = 1_000_000
    rng = np.random.default_rng(1)
    which = rng.integers(0, 4096, count)
    low, high = -60, 61
    grid = np.arange(low, high, dtype=np.float32)
    pmf = np.asarray(few.mass(grid[:, None], grid[:, None]), np.float64).T
    cumulative = np.cumsum(pmf / pmf.sum(1, keepdims=True), axis=1)
    level = rng.random(count)
    q = np.zeros(count, np.int32)
    for first in range(0, count, 100_000):
        part = slice(first, first + 100_000)
        q[part] = low + (level[part, None] > cumulative[which[part]]).sum(1)
    given = jax.tree.map(lambda x: x[which], few)
    ideal = -np.log2(np.maximum(pmf[which, q - low], 1e-9)).sum()
    parts = as_parts(given, q)
    data = encode(parts)
    assert abs(8 * len(data) / ideal - 1) < 2e-3
    decoder = RangeDecoder(data)

    def answers(question):
        coins = np.floor(asked(given, question) + 0.5).astype(np.int32)
        return decoder.decode(coins, TABLES) == NEAR

    np.testing.assert_array_equal(decide(count, answers), q)
    decoder.finish()


def test_integers_that_no_component_expects_come_back_too():
    given, _ = drawn(8)
    q = np.array([0, 2**20, -(2**20), 255, -256, 1, -1, 99_999], np.int32)
    parts = as_parts(given, q)
    bits = 8 * len(encode(parts))
    assert bits < 6 * 2 * 40 + 100  # about what Elias's gamma code and the escape of a table cost


def test_a_coin_is_as_likely_near_as_its_angle_says():
    near = np.array([TABLES.row(i)[1] for i in range(len(TABLES))]) / 2**16
    angle = np.arange(len(TABLES)) * np.pi / (2 * COINS.highest)
    np.testing.assert_allclose(near[1:-1], np.sin(angle[1:-1]) ** 2, atol=3e-5)
    assert abs(near[FAIR] - 0.5) < 1e-4 and len(TABLES) == COINS.highest + 1
    assert [nearest_coin(share) for share in (0.0, 0.5, 1.0)] == [0, FAIR, COINS.highest]


def test_one_gaussian_is_a_mixture_like_any():
    found = jnp.asarray([[[[0.4, -3.0, 0.02, 2.0]]]])  # two means, two scales
    given = one_gaussian(found)
    wanted = stats.norm(-3, 2).cdf(-1.5) - stats.norm(-3, 2).cdf(-2.5)
    np.testing.assert_allclose(given.mass(-2.0, -2.0)[0, 0, 0, 1], wanted, rtol=1e-5)
    np.testing.assert_allclose(given.scales[0, 0, 0, 0, 0], 0.11)


def test_answers_without_an_end_are_an_error_of_the_file():
    with pytest.raises(CorruptSection, match="beyond all that is coded"):
        decide(3, lambda question: np.zeros(question.which.size, bool))


def test_what_is_not_read_is_guessed_as_the_mean_of_the_mixture():
    given, _ = drawn(50)
    integers = np.arange(-2000, 2001)
    masses = np.asarray(given.mass(*(integers[:, None].astype(np.float32),) * 2), np.float64)
    guess = np.asarray(given.guess(jnp.zeros(50, jnp.int32)))
    # Where scales are wide, the mean of the rounded values is that of the values.
    wide = np.asarray(given.scales).min(1) > 0.7
    assert wide.sum() > 5
    np.testing.assert_allclose(guess[wide], (integers @ masses)[wide], atol=0.02)
