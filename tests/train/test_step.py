"""One step: what it changes, what it skips, and how fast it learns."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs.tcm import get_config
from tests.train.stand_in import create_stand_in
from train.experiment import build_step, fresh_state, packing_of
from train.loss import level_importance
from train.mesh import make_mesh
from train.optimiser import make_schedule
from train.state import TrainState
from train.step import StepFn, average

_LAMBDAS = tuple(0.01 * 2**level for level in range(8))
_BALANCE = 0.5


@pytest.fixture(scope="module")
def step_fn() -> StepFn:
    config, model = _config(), create_stand_in("stand-in")
    return build_step(config, model, packing_of(model, config), make_mesh())


def _config():
    config = get_config("tiny")
    config.steps, config.warmup_steps = 100, 1
    config.lambdas, config.balance, config.ema_decay = _LAMBDAS, _BALANCE, 0.9
    return config


def _state() -> TrainState:
    config, model = _config(), create_stand_in("stand-in")
    return fresh_state(config, model, packing_of(model, config), make_mesh())


def _batch(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "image": rng.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8),
        "level": rng.integers(0, 8, 2).astype(np.float32),
        "noise": rng.integers(0, 2**32, 2, dtype=np.uint32),
        "request": np.zeros(2, np.int32),
    }


def _host(tree):
    return jax.tree.map(np.array, tree)


def test_a_step_with_a_gradient_that_is_not_finite_changes_only_the_counts(
    step_fn: StepFn,
) -> None:
    state, _ = step_fn(_state(), _batch(), {})
    state = state._replace(params={"fsdp": state.params["fsdp"].at[3].set(jnp.nan)})
    before = _host(state)
    state, metrics = step_fn(state, _batch(1), {})
    for name in ("params", "ema", "opt_state"):
        jax.tree.map(
            np.testing.assert_array_equal, _host(getattr(state, name)), getattr(before, name)
        )
    assert (int(state.step), int(state.skipped), int(metrics["skipped_in_a_row"])) == (2, 1, 1)


def test_a_good_step_ends_a_row_of_skipped_ones(step_fn: StepFn) -> None:
    state = _state()._replace(skipped=jnp.int32(5), skipped_in_a_row=jnp.int32(3))
    state, _ = step_fn(state, _batch(), {})
    assert (int(state.skipped), int(state.skipped_in_a_row)) == (5, 0)


def test_the_same_step_twice_is_the_same_to_the_bit(step_fn: StepFn) -> None:
    one, other = (_host(step_fn(_state(), _batch(), {})) for _ in range(2))
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_what_any_host_asks_for_comes_back_to_all(step_fn: StepFn) -> None:
    _, metrics = step_fn(_state(), _batch() | {"request": np.array([0, 2], np.int32)}, {})
    assert int(metrics["request"]) == 2


def test_each_image_is_weighed_by_the_lambda_of_its_level(step_fn: StepFn) -> None:
    losses = []
    importance = level_importance(_LAMBDAS, _BALANCE)
    for level in (0, 7):
        batch = _batch() | {"level": np.full(2, level, np.float32)}
        _, metrics = step_fn(_state(), batch, {})  # the gains of all levels start equal
        losses.append(float(metrics["loss"] / importance[level]) - float(metrics["bpp"]))
    # The ratio of the lambdas; the distortion is the same, up to float32.
    assert losses[1] / losses[0] == pytest.approx(2**7, rel=1e-4)


def test_steps_on_one_batch_learn_it(step_fn: StepFn) -> None:
    state, batch = _state(), _batch()
    losses = []
    for _ in range(30):
        state, metrics = step_fn(state, batch, {})
        losses.append(float(metrics["loss"]))
    assert losses[-1] < 0.9 * losses[0]


def test_the_average_forgets_the_start_and_then_moves_slowly() -> None:
    zero, one = {"all": jnp.zeros(1)}, {"all": jnp.ones(1)}
    first, late = (average(zero, one, jnp.int32(step), 0.999)["all"] for step in (0, 10**6))
    np.testing.assert_allclose(first, 0.9, rtol=1e-6)
    np.testing.assert_allclose(late, 1e-3, rtol=1e-3)


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
