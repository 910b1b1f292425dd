"""What a model learns from another: each term beside its twin in NumPy, the phases, and what is left of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from configs import feds
from hcfss_jax.weights import load_package, make_package, save_package
from tests.train import two_stages
from train.distillation import CHANNELS_BY, channel_distance, channel_weights, falling, map_distance
from train.errors import BadConfig
from train.example import random_batch
from train.experiment import (
    build_model,
    build_step,
    fresh_state,
    frozen_packing,
    packing_of,
    place_frozen,
)
from train.export import export
from train.initial import initial_params
from train.mesh import make_mesh, place_batch
from train.objective import build_objective, rate_distortion
from train.run import train
from train.start_from import starting_params

STEPS = 6
LEVEL = np.array([1.0, 6.0], np.float32)


def drawn(like: Any, seed: int) -> Any:
    """Random parameters of those shapes."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda p: (0.5 * rng.normal(size=p.shape)).astype(np.float32), like)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a model of 5 channels at stride 2, and 6 of y."""
    model = two_stages.create(two_stages.NAME, width=5, channels=6)
    params = drawn(initial_params(model, 3), 3)
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    package = make_package(model, two_stages.NAME, params, {}, "float32")
    save_package(path, package, "float32")
    return path


@pytest.fixture
def student(config: ConfigDict, teacher: Path) -> ConfigDict:
    """The experiment of a model of 3 and 4 channels that learns from it."""
    config.model.name, config.model.factory = two_stages.NAME, two_stages.FACTORY
    config.model.overrides = ConfigDict({"width": 3, "channels": 4})
    config.objective, config.steps = "distillation", STEPS
    config.distil.teacher, config.distil.factory = str(teacher), two_stages.FACTORY
    return config


def walk(config: ConfigDict, params: Any, x: np.ndarray) -> dict[str, np.ndarray]:
    """Maps, latent, bits and picture of a model of two stages, layer by layer; float64."""
    bound = two_stages.create(config.name, **config.fields).bind({"params": params})
    first = jnp.tanh(bound.g_a.first(x))
    last = bound.g_a.second(first)
    y = last * bound.gain(LEVEL)
    density = bound.prior()
    rounded = jnp.round(density.centred(y))
    up = jnp.tanh(bound.g_s.first(density.value(rounded) / bound.gain(LEVEL)))
    maps = {"g_a/2": first, "g_a/4": last, "g_s/2": up, "g_s/1": bound.g_s.second(up)}
    found = {**maps, "y": y, "bits": density.bits(rounded)}
    return {name: np.asarray(value, np.float64) for name, value in found.items()}


def through(adapters: Mapping[str, Any], name: str, x: np.ndarray) -> np.ndarray:
    own = adapters[name.replace("/", "_")]
    return x @ np.asarray(own["kernel"], np.float64)[0, 0] + own["bias"]


def twin(config: ConfigDict, ours: Any, theirs: Any, adapters: Any, image: int, step: int) -> float:
    """What the terms of distillation are for one image, by loops."""
    asked, value = config.distil, 0.0
    for name in ("g_a/2", "g_a/4", "g_s/2", "g_s/1") if asked.features else ():
        apart = through(adapters, name, ours[name][image]) - theirs[name][image]
        value += asked.features * float(np.mean(apart**2))
    if asked.channels:
        rates = [float(np.mean(theirs["bits"][image, ..., c])) for c in range(6)]
        dearest = sorted(range(6), key=lambda c: -rates[c])[: asked.keep or 4]
        brought = through(adapters, "y", ours["y"][image])
        for c in dearest:
            weight = rates[c] / sum(rates) if asked.channels_by == "weights" else 1 / len(dearest)
            apart = brought[..., c] - theirs["y"][image, ..., c]
            value += asked.channels * weight * float(np.mean(apart**2))
    if asked.pictures:
        apart = 255 * (ours["g_s/1"][image] - theirs["g_s/1"][image])
        of_level = config.lambdas[int(LEVEL[image])]
        value += asked.pictures * of_level * float(np.mean(apart**2))
    return value * (1 - step / config.steps) if asked.falling else value


@pytest.mark.parametrize(
    "asked",
    [
        {"features": 0.1},
        {"features": 0.0, "channels": 1.0},
        {"features": 0.0, "channels": 0.7, "channels_by": "top-k", "keep": 2},
        {"features": 0.4, "pictures": 0.9, "falling": True},
    ],
    ids=["features", "channels", "top-k", "falling"],
)
def test_each_phase_minimises_what_its_twin_says(student: ConfigDict, asked: dict) -> None:
    config, step = student, 4
    config.distil.update(asked)
    model, objective = build_model(config), build_objective(config)
    *usual, (weight, term) = objective.terms
    assert len(usual) == len(rate_distortion(config).terms) and weight == 1
    params = drawn(initial_params(model, 0), 1)
    image = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    batch = {"image": jnp.asarray(image), "level": jnp.asarray(LEVEL)}

    @jax.jit
    def value(params: Any, frozen: Any) -> Any:
        output = model.apply(
            {"params": params}, batch["image"], batch["level"], jax.random.split(jax.random.key(0))
        )
        return term(output, batch, jnp.int32(step), frozen)[0]

    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        found = value(params, dict(objective.frozen))
    ours = walk(_of(3, 4), {k: v for k, v in params.items() if k != "adapters"}, image)
    theirs = walk(_of(5, 6), objective.frozen["teacher"], image)
    wanted = [twin(config, ours, theirs, params["adapters"], i, step) for i in range(2)]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def _of(width: int, channels: int) -> ConfigDict:
    return ConfigDict({"name": two_stages.NAME, "fields": {"width": width, "channels": channels}})


def test_the_terms_are_their_formulas() -> None:
    rng = np.random.default_rng(0)
    a, b, rates = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 3, 4, 5)), rng.random((2, 5))
    np.testing.assert_allclose(map_distance(a, b), np.mean((a - b) ** 2, axis=(1, 2, 3)), rtol=1e-5)
    for by in CHANNELS_BY:
        weights = np.asarray(channel_weights(jnp.float32(rates), 3, by))
        for image in range(2):
            kept = sorted(range(5), key=lambda c: -rates[image, c])[:3]
            for c in range(5):
                share = rates[image, c] / rates[image].sum() if by == "weights" else 1 / 3
                assert weights[image, c] == pytest.approx(share if c in kept else 0.0, rel=1e-5)
        squares = np.mean((a - b) ** 2, axis=(1, 2))
        apart = channel_distance(jnp.float32(a), jnp.float32(b), weights)
        np.testing.assert_allclose(apart, np.sum(weights * squares, axis=-1), rtol=1e-5)
    # Where there are fewer than are kept, all; and nothing that costs nothing is divided by it.
    assert float(jnp.sum(channel_weights(jnp.float32(rates), 9, "top-k"))) == pytest.approx(2)
    np.testing.assert_array_equal(channel_weights(jnp.zeros((1, 4)), 2, "weights"), 0)
    falls = [float(falling(jnp.int32(step), 4)) for step in range(6)]
    assert falls == [1, 0.75, 0.5, 0.25, 0, 0]


def test_the_teacher_stays_and_student_and_adapters_move(student: ConfigDict) -> None:
    config = student
    config.distil.channels = 1.0
    mesh, model, objective = make_mesh(), build_model(config), build_objective(config)
    packing, theirs = packing_of(model, config), frozen_packing(objective, config)
    step = build_step(config, model, packing, mesh, objective)
    state, frozen = fresh_state(config, model, packing, mesh), place_frozen(objective, config, mesh)
    before = jax.device_get(packing.unpack(state.params))
    for _ in range(2):
        state, _ = step(state, place_batch(random_batch(config, 2), mesh), frozen)
    after = jax.device_get(packing.unpack(state.params))
    held = theirs.unpack(jax.device_get(frozen))["teacher"]
    package = load_package(config.distil.teacher)
    jax.tree.map(np.testing.assert_array_equal, held, package.params)
    still = jax.tree.map(np.array_equal, after, before)
    assert not any(jax.tree.leaves({name: part for name, part in still.items() if name != "gain"}))
    assert set(after["adapters"]) == {"g_a_2", "g_a_4", "g_s_1", "g_s_2", "y"}


def test_a_student_starts_as_the_model_alone_and_its_adapters_as_the_identity(
    student: ConfigDict,
) -> None:
    ours = initial_params(build_model(student), student.seed)
    adapters = ours.pop("adapters")
    student.distil.teacher = ""
    jax.tree.map(
        np.testing.assert_array_equal, ours, initial_params(build_model(student), student.seed)
    )
    np.testing.assert_array_equal(adapters["g_a_2"]["kernel"][0, 0], np.eye(3, 5))
    np.testing.assert_array_equal(adapters["g_s_1"]["bias"], np.zeros(3))


def test_a_package_of_a_student_is_a_model_as_any_other_and_begins_the_next_phase(
    student: ConfigDict, teacher: Path, tmp_path: Path
) -> None:
    config = student
    config.eval_every, config.distil.teacher = STEPS, str(tmp_path / "teacher.safetensors")
    config.eval_files = 1
    (tmp_path / "teacher.safetensors").write_bytes(teacher.read_bytes())
    assert not train(config, tmp_path / "run")
    (tmp_path / "teacher.safetensors").unlink()  # who exports may not have it
    package = export(tmp_path / "run", "float32", factory=two_stages.FACTORY)
    plain = two_stages.create(two_stages.NAME, **package.config)
    alone = initial_params(plain, 0)
    assert jax.tree.map(np.shape, package.params) == jax.tree.map(np.shape, alone)
    assert package.meta["experiment"]["distil"]["teacher"] == "teacher.safetensors"

    save_package(tmp_path / "first.safetensors", package, "float32")
    config.init_from, config.distil.teacher = str(tmp_path / "first.safetensors"), str(teacher)
    config.distil.features, config.distil.channels = 0.0, 1.0
    model, told = build_model(config), []
    params = starting_params(config, model, packing_of(model, config), told.append)
    assert set(params.pop("adapters")) == {"y"}
    jax.tree.map(np.testing.assert_array_equal, params, package.params)
    assert told[1] == "  2 start at random: adapters/y/bias, adapters/y/kernel"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"teacher": ""}, "name the weights to learn from"),
        ({"teacher": "nowhere.safetensors"}, "'nowhere.safetensors' is neither a file"),
        ({"features": 0.0}, "asks nothing of its teacher"),
        ({"channels": -1.0}, "must not be negative"),
        ({"channels_by": "luck"}, "channels_by='luck' must be one of weights, top-k"),
        ({"keep": -1}, "keep=-1 must not be negative"),
        ({"adapters": False}, "'g_a/2' has 3 channels in two-stages and 5 in its teacher .*"),
        (
            {"maps": ("g_a/8", "g_s/2")},
            None,
        ),
        ({"maps": ("g_x",)}, "two-stages has none; its teacher .* has none: name maps that both"),
        ({"channels": 1.0, "latent": "w"}, "latent='w': of two-stages, y"),
    ],
)
def test_what_cannot_be_compared_is_named(
    student: ConfigDict, fields: dict[str, Any], says: str | None
) -> None:
    student.distil.update(fields)
    if says is None:
        assert [name for name, _ in build_model(student).shows.maps] == ["g_s/2"]
        return
    with pytest.raises(BadConfig, match=says):
        build_objective(student)
        build_model(student)


def test_a_teacher_of_other_strides_or_rates_is_refused(
    student: ConfigDict, tmp_path: Path
) -> None:
    model = two_stages.create(two_stages.NAME, levels=2)
    told = {"experiment": {"lambdas": [0.1, 0.2]}}
    package = make_package(model, two_stages.NAME, initial_params(model, 0), told, "float32")
    save_package(tmp_path / "few.safetensors", package, "float32")
    student.distil.teacher = str(tmp_path / "few.safetensors")
    with pytest.raises(BadConfig, match="has 2 levels, and the student learns 8"):
        build_objective(student)
    student.lambdas = (0.1, 0.3)
    with pytest.raises(BadConfig, match=r"trained for lambdas \(0.1, 0.2\), the student learns"):
        build_objective(student)
    student.distil.teacher, student.distil.factory = "hcfssnet-tiny", ""
    with pytest.raises(BadConfig, match=r"g_a/2 of 3 channels, .*; its teacher hcfssnet-tiny has"):
        build_model(student)


def test_the_phases_take_as_long_as_the_student_alone_and_end_at_a_tenth_of_its_rate() -> None:
    for size, rate in (("tiny", 1e-4), ("base", 1e-5)):
        alone = feds.get_config(size)
        phases = [feds.get_config(f"{size},phase={phase}") for phase in feds.PHASES]
        assert sum(phase.steps for phase in phases) == alone.steps
        assert [phase.steps / alone.steps for phase in phases] == [0.6, 0.2, 0.2]
        assert [phase.objective for phase in phases] == [*["distillation"] * 2, "rate-distortion"]
        assert phases[-1].learning_rate == pytest.approx(rate)
