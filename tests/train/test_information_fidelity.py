"""The term by which latents of two resolutions resemble each other, for a part of training."""

import jax.numpy as jnp
import pytest

from configs.octave import get_config
from hcfss_jax.models.skeleton import Output
from train.errors import BadConfig
from train.objective import build_objective

BATCH = {"image": jnp.zeros((2, 4, 4, 3)), "level": jnp.zeros(2, jnp.int32)}


def output(**features) -> Output:
    return Output(BATCH["image"], {"y": jnp.ones(2)}, features)


def test_it_counts_in_the_first_fifth_of_the_steps_and_is_told_in_all() -> None:
    config = get_config("tiny")
    config.steps, config.balance = 1000, 0.0
    objective = build_objective(config)
    unlike = output(infidelity=jnp.asarray([1.0, 3.0]))
    plain, _ = objective(output(infidelity=jnp.zeros(2)), BATCH, jnp.int32(0), {})
    for step, more in ((0, 2.0), (199, 2.0), (200, 0.0), (999, 0.0)):
        loss, figures = objective(unlike, BATCH, jnp.int32(step), {})
        assert float(loss - plain) == pytest.approx(more)
        assert float(figures["infidelity"]) == 2.0


def test_the_last_phase_is_without_it_and_other_models_are_refused() -> None:
    assert get_config("tiny,phase=rounded").fidelity_fraction == 0
    with pytest.raises(BadConfig, match=r"no 'infidelity' among its features \(none\)"):
        build_objective(get_config("base"))(output(), BATCH, jnp.int32(0), {})
