"""What no step changes: parts of the model, and the nets that an objective asks."""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from train.checkpoints import Checkpoints
from train.errors import BadConfig
from train.example import random_batch
from train.experiment import build_model, build_step, fresh_state, packing_of, place_frozen
from train.mesh import make_mesh, place_batch
from train.objective import build_objective
from train.optimiser import DIRECTIONS
from train.packing import Packing
from train.run import train

_PARAMS = {"a": {"kernel": np.ones((3, 4), np.float32)}, "b": {"bias": np.ones(4, np.float32)}}


@pytest.fixture
def with_teacher(config: ConfigDict) -> ConfigDict:
    """A mask in each example, and a term that asks a teacher."""
    config.objective = "tests.train.outside:near_a_teacher"
    config.data.recipe, config.data.given = "tests.train.outside:masked", (("mask", 1),)
    return config


@pytest.mark.parametrize("optimiser", DIRECTIONS)
def test_a_part_that_stays_is_the_same_to_the_bit_and_has_no_state(
    optimiser: str, config: ConfigDict
) -> None:
    config.optimiser, config.frozen = optimiser, (r"^analysis\.",)
    config.weight_decay, config.learning_rate = 0.1, 0.1
    mesh, model = make_mesh(), build_model(config)
    packing = packing_of(model, config)
    step = build_step(config, model, packing, mesh)
    state = fresh_state(config, model, packing, mesh)
    before = jax.device_get(packing.unpack(state.params))
    learned = packing.learned.parameter_count
    assert learned == packing.parameter_count - sum(v.size for v in before["analysis"].values())
    batch = place_batch(random_batch(config, 2), mesh)
    for _ in range(3):
        state, _ = step(state, dict(batch), {})
    for vectors in (state.params, state.ema):
        after = jax.device_get(packing.unpack(vectors))
        jax.tree.map(np.testing.assert_array_equal, after["analysis"], before["analysis"])
        assert not np.array_equal(after["gain"], before["gain"])
    keys = [
        getattr(path[-1], "key", "")
        for path, _ in jax.tree_util.tree_flatten_with_path(state.opt_state)[0]
    ]
    assert not [key for key in keys if "still" in str(key)]


def test_what_stays_is_named_as_in_a_weight_package() -> None:
    packing = Packing.of(_PARAMS, frozen=(r"^a\.kernel$",))
    assert packing.groups == ("still_fsdp", "fsdp")
    assert packing.learned.names == ("b/bias",)
    jax.tree.map(np.testing.assert_array_equal, packing.unpack(packing.pack(_PARAMS)), _PARAMS)
    for frozen, says in (
        (("^c",), r"'\^c' matches no parameter, such as 'a.kernel'"),
        ((".",), "leaves nothing to train"),
        (("(",), "no regular expression"),
    ):
        with pytest.raises(BadConfig, match=says):
            Packing.of(_PARAMS, frozen=frozen)


def test_a_term_sees_what_is_frozen_the_mask_and_the_step(with_teacher: ConfigDict) -> None:
    config = with_teacher
    mesh, model = make_mesh(), build_model(config)
    packing, objective = packing_of(model, config), build_objective(config)
    step = build_step(config, model, packing, mesh, objective)
    frozen = place_frozen(objective, config, mesh)
    batch = random_batch(config, 2)
    losses = []
    for taken in (0, 4):
        state = fresh_state(config, model, packing, mesh)
        state = state._replace(step=np.int32(taken))
        _, metrics = step(state, place_batch(batch, mesh), frozen)
        losses.append(float(metrics["loss"]))
    importance = objective.importance(batch["level"])
    # Both images have the same distance but for their masks: enough that the term has grown by 4 * 0.5 of it.
    grown = 4 * 0.5 * float(metrics["distance"])
    least, most = grown * float(min(importance)), grown * float(max(importance))
    assert 0.9 * least < losses[1] - losses[0] < 1.1 * most


def test_a_run_with_a_teacher_and_parts_that_stay_resumes_to_the_bit(
    with_teacher: ConfigDict, tmp_path: Path, stop_at: Callable[[int], None]
) -> None:
    config = with_teacher
    config.frozen, config.checkpoint_minutes, config.eval_every = ("^synthesis",), 1e9, 0
    assert not train(config, tmp_path / "whole")
    stop_at(2)
    assert train(config, tmp_path / "stopped")
    assert not train(config, tmp_path / "stopped")
    states = []
    for name in ("whole", "stopped"):
        with Checkpoints(tmp_path / name / "checkpoints") as checkpoints:
            states.append(checkpoints.read_state())
    whole, resumed = states
    assert int(whole["step"]) == 6 and set(whole["params"]) == {"fsdp", "still_fsdp"}
    jax.tree.map(np.testing.assert_array_equal, resumed, whole)


def test_what_is_frozen_has_to_be_arrays(config: ConfigDict) -> None:
    objective = build_objective(config)
    with pytest.raises(BadConfig, match="no nested dict of float32 arrays"):
        place_frozen(
            type(objective)(objective.terms, frozen={"a": np.zeros(3)}), config, make_mesh()
        )
