"""One step: what it changes, what it skips, and how fast it learns."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs.hcfssnet import get_config
from tests.train.stand_in import create_stand_in
from train.experiment import fresh_state, layout_of
from train.loss import level_importance
from train.optimiser import make_optimiser, make_schedule
from train.state import TrainState
from train.step import StepFn, average, make_mesh, make_step

_LAMBDAS = tuple(0.01 * 2**level for level in range(8))
_BALANCE = 0.5


@pytest.fixture(scope="module")
def step_fn() -> StepFn:
    model = create_stand_in("stand-in")
    return make_step(
        model, layout_of(model), make_optimiser(_config()), _LAMBDAS, _BALANCE, 0.9, 0, make_mesh()
    )


def _config():
    config = get_config("tiny")
    config.steps, config.warmup_steps = 100, 1
    return config


def _state() -> TrainState:
    model = create_stand_in("stand-in")
    return fresh_state(0, model, layout_of(model), make_optimiser(_config()))


def _batch(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    return {"image": image, "level": rng.integers(0, 8, 2).astype(np.float32)}


def _host(tree):
    return jax.tree.map(np.array, tree)


def test_a_step_with_a_gradient_that_is_not_finite_changes_only_the_counts(
    step_fn: StepFn,
) -> None:
    state, _ = step_fn(_state(), _batch())
    state = state._replace(params=state.params.at[3].set(jnp.nan))
    before = _host(state)
    state, metrics = step_fn(state, _batch(1))
    for name in ("params", "ema", "opt_state"):
        jax.tree.map(
            np.testing.assert_array_equal, _host(getattr(state, name)), getattr(before, name)
        )
    assert (int(state.step), int(state.skipped), int(metrics["skipped_in_a_row"])) == (2, 1, 1)


def test_a_good_step_ends_a_row_of_skipped_ones(step_fn: StepFn) -> None:
    state = _state()._replace(skipped=jnp.int32(5), skipped_in_a_row=jnp.int32(3))
    state, _ = step_fn(state, _batch())
    assert (int(state.skipped), int(state.skipped_in_a_row)) == (5, 0)


def test_the_same_step_twice_is_the_same_to_the_bit(step_fn: StepFn) -> None:
    one, other = (_host(step_fn(_state(), _batch())) for _ in range(2))
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_the_noise_changes_from_step_to_step(step_fn: StepFn) -> None:
    _, first = step_fn(_state(), _batch())
    _, later = step_fn(_state()._replace(step=jnp.int32(1)), _batch())
    assert float(first["loss"]) != float(later["loss"])


def test_each_image_is_weighed_by_the_lambda_of_its_level(step_fn: StepFn) -> None:
    losses = []
    importance = level_importance(_LAMBDAS, _BALANCE)
    for level in (0, 7):
        batch = _batch() | {"level": np.full(2, level, np.float32)}
        _, metrics = step_fn(_state(), batch)  # the gains of all levels start equal
        losses.append(float(metrics["loss"] / importance[level]) - float(metrics["bpp"]))
    # The ratio of the lambdas; the distortion is the same, up to float32.
    assert losses[1] / losses[0] == pytest.approx(2**7, rel=1e-4)


def test_steps_on_one_batch_learn_it(step_fn: StepFn) -> None:
    state, batch = _state(), _batch()
    losses = []
    for _ in range(30):
        state, metrics = step_fn(state, batch)
        losses.append(float(metrics["loss"]))
    assert losses[-1] < 0.9 * losses[0]


def test_the_average_forgets_the_start_and_then_moves_slowly() -> None:
    zero, one = jnp.zeros(1), jnp.ones(1)
    np.testing.assert_allclose(average(zero, one, jnp.int32(0), 0.999), 0.9, rtol=1e-6)
    np.testing.assert_allclose(average(zero, one, jnp.int32(10**6), 0.999), 1e-3, rtol=1e-3)


@pytest.mark.parametrize("kind", ["cosine", "wsd"])
def test_the_learning_rate_warms_up_and_decays_to_a_hundredth(kind: str) -> None:
    config = get_config("tiny")
    config.schedule, config.steps, config.warmup_steps = kind, 1000, 100
    config.cooldown_fraction = 0.2
    rate = make_schedule(config)
    peak = config.learning_rate
    assert float(rate(0)) == 0.0
    assert float(rate(100)) == pytest.approx(peak)
    assert float(rate(1000)) == pytest.approx(peak / 100)
    if kind == "wsd":
        assert float(rate(799)) == pytest.approx(peak)
