"""The experiments: what a variant says, and that each of them trains."""

import importlib
import itertools

import pytest

from configs import csm
from configs.hcfssnet import get_config
from hcfss_jax.models import create_model
from hcfss_jax.models.registry import FAMILIES


@pytest.mark.parametrize("variant", ["tiny", "small", "base"])
def test_by_default_one_run_learns_all_rates(variant: str) -> None:
    config = get_config(variant)
    assert config.lambdas[0] == 0.0018 and config.lambdas[7] == pytest.approx(0.05)
    assert config.model.overrides.to_dict() == {}


def test_more_levels_go_on_where_the_papers_stop_and_are_validated_too() -> None:
    config = get_config("tiny")
    assert len(config.lambdas) == 12 and config.eval_levels == (0, 3, 7, 11)
    ratios = [b / a for a, b in itertools.pairwise(config.lambdas)]
    assert ratios == pytest.approx([(0.05 / 0.0018) ** (1 / 7)] * 11, rel=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_variant_is_a_model_with_a_level_for_each_lambda(family) -> None:
    experiments = importlib.import_module(f"configs.{family}")
    assert set(experiments.SIZES) == set(FAMILIES[family].variants)
    for variant in experiments.SIZES:
        for options in ("", ",lambda=0.013"):
            config = experiments.get_config(variant + options)
            model = create_model(config.model.name, **config.model.overrides)
            assert model.config.levels == len(config.lambdas)


def test_the_sizes_of_others_are_theirs_exactly_where_one_rate_is_asked_for() -> None:
    model = csm.get_config("base,lambda=0.013").model
    assert not create_model(model.name, **model.overrides).config.gains
    assert csm.get_config("base").model.overrides.gains


def test_a_lambda_makes_one_rate_with_gains_that_fit_it() -> None:
    config = get_config("base,lambda=0.0018")
    assert config.lambdas == (0.0018,) and config.eval_levels == (0,)
    overrides = config.model.overrides.to_dict()
    assert overrides["levels"] == 1
    # The model's own start of its lowest level is for the same lambda, rounded.
    assert overrides["gain_start"] == pytest.approx((0.7, 0.7), abs=0.06)


def test_ms_ssim_has_its_own_lambdas_and_crops_that_hold_its_scales() -> None:
    config = get_config("tiny,metric=ms-ssim")
    assert (config.metric, config.crop) == ("ms-ssim", 192)
    assert config.lambdas[7] == pytest.approx(60.5)
    # Of about the same rate, and so with about the same gains, as .05 of the squared error.
    start = get_config("tiny,metric=ms-ssim,lambda=60.5").model.overrides.gain_start[0]
    assert start == pytest.approx(
        get_config("tiny,lambda=0.05").model.overrides.gain_start[0], abs=0.1
    )


def test_other_options_are_fields_of_the_model() -> None:
    fields = get_config("base,state_size=1,scan_lines=raster,widths=(8,16,24)").model.overrides
    assert fields.to_dict() == {"state_size": 1, "scan_lines": "raster", "widths": (8, 16, 24)}


@pytest.mark.parametrize(
    ("variant", "says"),
    [
        ("huge", "no variant 'huge'"),
        ("tiny,metric=psnr", "metric=psnr: use one of mse, ms-ssim"),
        ("tiny,lambda=much", "lambda=much is not a positive number"),
        ("tiny,lambda=-1", "lambda=-1 is not a positive number"),
    ],
)
def test_a_variant_that_does_not_exist_says_what_does(variant: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        get_config(variant)
