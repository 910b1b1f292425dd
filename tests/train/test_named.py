"""What an experiment names: where there is no such thing, and where it is not what is asked for."""

from collections.abc import Iterable

import flax.linen as nn
import numpy as np
import pytest
from ml_collections import ConfigDict

from configs import hcfssnet
from tests.small_model import SMALL
from tests.train.stand_in import NAME, StandInConfig
from train.checks import check_config
from train.errors import BadConfig
from train.evaluators import build_evaluators
from train.example import GIVEN, fields_of, random_batch
from train.experiment import build_model, packing_of
from train.mesh import make_mesh
from train.objective import build_objective
from train.optimiser import make_optimiser
from train.sources import build_source
from train.training_crop import build_recipe
from train.writers import build_writers


class Half(nn.Module):
    """A model that is not whole."""

    config: StandInConfig

    def __call__(self, x, level, keys): ...


def half(name: str, **how: object) -> Half:
    """Makes it."""
    return Half(StandInConfig())


_BUILDS = {
    "model.factory": build_model,
    "objective": build_objective,
    "optimiser": lambda config: make_optimiser(config, packing_of(build_model(config), config)),
    "data.source": build_source,
    "data.recipe": build_recipe,
    "writers": lambda config: build_writers(config, None, 0),
    "evaluators": lambda config: build_evaluators(config, None),
}


@pytest.mark.parametrize("field", _BUILDS)
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nothing", "='nothing': use one of .*'package.module:name'"),
        ("no.such:thing", "'no.such:thing' cannot be imported .*PYTHONPATH"),
        ("tests.train.outside:other", r"tests.train.outside \(.*outside.py\) has no 'other'"),
    ],
)
def test_a_name_that_is_none_is_told_with_its_field(
    config: ConfigDict, field: str, name: str, says: str
) -> None:
    owner, _, last = field.rpartition(".")
    (config[owner] if owner else config)[last] = (
        (name,) if field in ("writers", "evaluators") else name
    )
    with pytest.raises(BadConfig, match=rf"config\.{field}.*{says}"):
        _BUILDS[field](config)


def test_a_model_that_is_not_whole_says_what_it_lacks(config: ConfigDict) -> None:
    config.model.factory = "tests.train.test_named:half"
    with pytest.raises(BadConfig, match=r"\(Half\) lacks build_tables, evaluate, multiple to be"):
        build_model(config)


def test_a_model_without_steps_is_trained_and_not_coded(config: ConfigDict) -> None:
    config.eval_files = 1
    with pytest.raises(BadConfig, match=rf"{NAME}.* lacks analyse, .*plan, .* config.eval_files"):
        build_model(config)


def test_an_objective_is_one(config: ConfigDict) -> None:
    config.objective = "tests.train.outside:no_objective"
    with pytest.raises(BadConfig, match="makes a int, not an Objective"):
        build_objective(config)


def test_a_weight_of_no_latent_is_found_before_the_first_step() -> None:
    config = hcfssnet.get_config("tiny")
    config.data.path, config.rate_weights = "x", (("y_low", 2.0),)
    with pytest.raises(BadConfig, match=r"rate_weights=.* of what the model codes: y, z"):
        check_config(config, build_model(config), make_mesh())


def test_every_field_of_an_example_has_one_shape_for_all(config: ConfigDict) -> None:
    config.data.given = (("mask", 1), ("text", 6))
    batch, fields = random_batch(config, 3), fields_of(config)
    assert {name: (v.shape, v.dtype) for name, v in batch.items()} == {
        name: ((3, *field.shape), np.dtype(field.dtype)) for name, field in fields.items()
    }
    assert batch["mask"].shape == (3, 64, 64, 1) and batch["text"].shape == (3, 6)
    config.data.given = (("depth", 1),)
    with pytest.raises(BadConfig, match=f"'depth' is none of {', '.join(GIVEN)}"):
        fields_of(config)


def test_a_recipe_that_makes_other_fields_is_refused(config: ConfigDict) -> None:
    config.data.recipe = "tests.train.outside:masked"
    photo, rng = np.zeros((80, 80, 3), np.uint8), np.random.default_rng(0)
    with pytest.raises(BadConfig, match="'mask' is float32 .64, 64, 1. where an example has none"):
        build_recipe(config)(photo, rng)
    config.data.given = (("mask", 1),)
    assert build_recipe(config)(photo, rng)["mask"].any()
    config.data.given = (("mask", 1), ("text", 4))
    with pytest.raises(BadConfig, match="'text' is none where an example has float32 .4."):
        build_recipe(config)(photo, rng)


@pytest.mark.parametrize("name", SMALL)
def test_the_last_phase_trains_what_decodes_of_every_family(name: str) -> None:
    config = hcfssnet.get_config("tiny,phase=rounded")
    assert config.quantisation == "rounded" and config.steps == 900
    config.model.name, config.model.overrides = name, ConfigDict(SMALL[name])
    packing = packing_of(build_model(config), config)
    encoder, decoder = {"g_a", "h_a", "gain_y", "gain_z", "gain_z2"}, {"g_s", "h_s", "prior"}
    encoder |= {part for name in packing.names for part in name.split("/") if "encoder_" in part}

    def found(names: Iterable[str]) -> set[str]:
        """Which of those parts parameters are of; a model with several latents has some of them twice."""
        return {part for name in names for part in name.split("/")[:2]} & (encoder | decoder)

    learned = found(packing.learned.names)
    still = found({*packing.names} - {*packing.learned.names})
    assert learned == decoder and {"g_a", "h_a"} <= still <= encoder
