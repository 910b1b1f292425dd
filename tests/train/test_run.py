"""Whole runs: their products, stopping and resuming, and the errors before the first step."""

import json
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from train.checkpoints import Checkpoints
from train.errors import BadConfig, Diverged, NoImages, WrongCheckpoint
from train.experiment import build_model, packing_of
from train.mesh import make_mesh
from train.optimiser import make_optimiser
from train.run import train
from train.state import state_like


def _saved(config: ConfigDict, workdir: Path, kind: str = "checkpoints"):
    packing = packing_of(build_model(config), config)
    like = state_like(packing, make_optimiser(config), make_mesh())
    with Checkpoints(workdir / kind) as checkpoints:
        state, position = checkpoints.restore(like)
    return jax.tree.map(np.array, state), position


def _lines(workdir: Path) -> list[dict]:
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def test_a_run_that_was_stopped_and_resumed_equals_one_that_was_not(
    config: ConfigDict, tmp_path: Path, stop_at: Callable[[int], None]
) -> None:
    config.checkpoint_minutes = 1e9
    assert not train(config, tmp_path / "whole")
    stop_at(2)
    assert train(config, tmp_path / "stopped")
    assert int(_saved(config, tmp_path / "stopped")[0].step) == 3  # it had been begun
    assert not train(config, tmp_path / "stopped")
    whole, whole_position = _saved(config, tmp_path / "whole")
    resumed, resumed_position = _saved(config, tmp_path / "stopped")
    assert int(whole.step) == 6
    jax.tree.map(np.testing.assert_array_equal, resumed, whole)
    assert resumed_position == whole_position


def test_a_run_leaves_its_figures_and_its_configuration(config: ConfigDict, tmp_path: Path) -> None:
    train(config, tmp_path, command="python -m train.main")
    lines = _lines(tmp_path)
    assert [line["step"] for line in lines if line["kind"] == "train"] == [2, 4, 6]
    validations = [line for line in lines if line["kind"] == "validation"]
    assert [line["step"] for line in validations] == [3, 6]
    assert {f"{figure}_{level}" for figure in ("bpp", "psnr") for level in (0, 3, 7)} < set(
        validations[0]
    )
    assert all(np.isfinite(value) for value in validations[-1].values() if value != "validation")
    record = json.loads((tmp_path / "config.json").read_text())
    assert record["model"]["name"] == "stand-in"
    assert record["model"]["config"] == {"width": 4, "levels": 8}
    assert record["command"] == "python -m train.main"
    assert record["config"]["steps"] == 6


def test_the_two_newest_checkpoints_are_kept(config: ConfigDict, tmp_path: Path) -> None:
    config.checkpoint_minutes = 0.0  # after every step
    train(config, tmp_path)
    kept = sorted(int(p.name) for p in (tmp_path / "checkpoints").iterdir() if p.name.isdigit())
    assert kept == [5, 6]


def test_a_killed_run_repeats_the_figures_after_its_checkpoint_once(
    config: ConfigDict, tmp_path: Path, stop_at: Callable[[int], None]
) -> None:
    stop_at(2)
    train(config, tmp_path)
    with (tmp_path / "metrics.jsonl").open("a") as file:  # a kill after step 4, mid-write
        file.write('{"kind": "train", "step": 4, "loss": 0.0}\n{"kind": "tr')
    train(config, tmp_path)
    steps = [line["step"] for line in _lines(tmp_path) if line["kind"] == "train"]
    assert steps == [2, 4, 6]


def test_a_finished_run_started_again_takes_no_step(config: ConfigDict, tmp_path: Path) -> None:
    train(config, tmp_path)
    before = _saved(config, tmp_path)[0]
    assert not train(config, tmp_path)
    jax.tree.map(np.testing.assert_array_equal, _saved(config, tmp_path)[0], before)


def test_many_steps_without_a_finite_gradient_end_the_run(
    config: ConfigDict, tmp_path: Path
) -> None:
    config.learning_rate = float("nan")
    config.stop_after_skips = 2
    with pytest.raises(Diverged, match="the last 2 steps"):
        train(config, tmp_path)


def test_another_model_does_not_resume_here(config: ConfigDict, tmp_path: Path) -> None:
    train(config, tmp_path)
    config.model.overrides.width = 5
    with pytest.raises(WrongCheckpoint, match=r"width=4 \(now 5\)"):
        train(config, tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("crop", 100, "crop=100 must be a positive multiple of 64"),
        ("eval_crop", 0, "eval_crop=0 must be"),
        ("batch_size", 0, "positive multiple of devices times accumulate, 1"),
        (
            "accumulate",
            3,
            "batch_size=2 must be a positive multiple of devices times accumulate, 3",
        ),
        ("data.path", "", "data.path='' must be a directory"),
        ("mesh.fsdp", 5, "mesh.fsdp=5 must divide the 1 devices"),
        ("dtype", "float16", "'float32' or 'bfloat16'"),
        ("metric", "ssim", "'mse' or 'ms-ssim'"),
        ("metric", "ms-ssim", "192 pixels"),
        ("sharding", (("kernel", "fsdp"),), "no rule matches 'analysis/bias'"),
        ("lambdas", (0.1,), "one positive value for each of the model's 8 levels"),
        ("eval_levels", (8,), r"must lie in 0\.\.7"),
        ("schedule", "step", "'cosine' or 'wsd'"),
        ("steps", 0, "steps=0 must be positive"),
        ("ema_decay", 1.0, "ema_decay=1.0"),
    ],
)
def test_a_bad_field_is_named_before_anything_is_written(
    config: ConfigDict, tmp_path: Path, field: str, value: object, says: str
) -> None:
    owner, _, name = field.rpartition(".")
    with config.ignore_type():
        (config[owner] if owner else config)[name] = value
    with pytest.raises(BadConfig, match=says):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unknown_model_is_a_bad_config(config: ConfigDict, tmp_path: Path) -> None:
    config.model.name = "hcfssnet-huge"
    with pytest.raises(BadConfig, match="hcfssnet-huge"):
        train(config, tmp_path)


def test_a_path_without_photos_stops_before_anything_is_written(
    config: ConfigDict, tmp_path: Path
) -> None:
    config.data.path = str(tmp_path / "nowhere")
    with pytest.raises(NoImages, match="nowhere"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
