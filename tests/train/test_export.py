"""From a run to a weight package."""

from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from hcfss_jax.weights import load_package, save_package
from tests.train.stand_in import FACTORY
from train.checkpoints import Checkpoints
from train.errors import WrongCheckpoint
from train.experiment import build_model, packing_of
from train.export import export
from train.mesh import make_mesh
from train.optimiser import make_optimiser
from train.run import train
from train.state import state_like


def test_the_package_holds_the_averaged_parameters_and_their_origin(
    config: ConfigDict, tmp_path: Path
) -> None:
    train(config, tmp_path, command="python -m train.main --workdir x")
    package = export(tmp_path, "float32", factory=FACTORY)
    save_package(tmp_path / "out.safetensors", package, "float32")
    package = load_package(tmp_path / "out.safetensors")

    packing = packing_of(build_model(config), config)
    like = state_like(packing, make_optimiser(config, packing), make_mesh())
    with Checkpoints(tmp_path / "checkpoints") as checkpoints:
        state, _ = checkpoints.restore(like)
    jax.tree.map(np.testing.assert_array_equal, package.params, packing.unpack(state.ema))
    assert not np.array_equal(state.ema["fsdp"], state.params["fsdp"])
    assert package.name == "stand-in" and package.config == {"width": 4, "levels": 8}
    assert package.meta["steps"] == 6
    assert package.meta["experiment"]["batch_size"] == config.batch_size
    assert package.meta["experiment"]["data"]["path"] == ""  # published files tell no paths


def test_a_directory_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongCheckpoint, match="not the directory of a run"):
        export(tmp_path)


def test_a_run_without_a_checkpoint_is_refused(config: ConfigDict, tmp_path: Path) -> None:
    train(config, tmp_path)
    (tmp_path / "checkpoints").rename(tmp_path / "away")
    with pytest.raises(WrongCheckpoint, match="no checkpoint"):
        export(tmp_path, factory=FACTORY)
