"""A run that starts from what fits of other weights."""

from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict

from hcfss_jax.weights import make_package, save_package
from train.checks import check_config
from train.errors import BadConfig, WrongCheckpoint
from train.experiment import build_model, packing_of
from train.initial import initial_params
from train.mesh import make_mesh
from train.start_from import starting_params


@pytest.fixture
def narrow(config: ConfigDict, tmp_path: Path) -> Path:
    """Weights of width 4."""
    model = build_model(config)
    package = make_package(model, "stand-in", initial_params(model, 7), {}, "float32")
    save_package(tmp_path / "narrow.safetensors", package, "float32")
    return tmp_path / "narrow.safetensors"


def test_what_fits_is_taken_and_the_rest_is_named(config: ConfigDict, narrow: Path) -> None:
    first = initial_params(build_model(config), 7)
    config.init_from, config.model.overrides.width = str(narrow), 5
    model = build_model(config)
    packing, told = packing_of(model, config), []
    with pytest.raises(WrongCheckpoint, match=r"differs .* in 3 parameters, .*init_partial=True"):
        starting_params(config, model, packing, told.append)
    config.init_partial = True
    params = starting_params(config, model, packing, told.append)
    fresh = initial_params(model, config.seed)
    np.testing.assert_array_equal(params["synthesis"]["bias"], first["synthesis"]["bias"])
    np.testing.assert_array_equal(params["analysis"]["kernel"], fresh["analysis"]["kernel"])
    assert told == [
        f"from stand-in, {narrow}: 2 of 5 parameters",
        "  3 start at random: analysis/bias, analysis/kernel, synthesis/kernel",
        "  3 of those weights are not used: analysis/bias, analysis/kernel, synthesis/kernel",
    ]


def test_weights_of_which_nothing_fits_are_no_start(config: ConfigDict) -> None:
    config.init_from, config.init_partial = "hcfssnet-tiny", True
    model = build_model(config)
    with pytest.raises(WrongCheckpoint, match="none of whose parameters fits"):
        starting_params(config, model, packing_of(model, config), print)


def test_a_part_of_nothing_is_a_bad_field(config: ConfigDict) -> None:
    config.init_partial = True
    with pytest.raises(BadConfig, match="init_partial=True takes what fits of config.init_from"):
        check_config(config, build_model(config), make_mesh())
