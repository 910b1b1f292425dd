"""Whole runs: their products, stopping and resuming, and the errors before the first step."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from hcfss_jax.weights import save_package
from tests.small_model import FIELDS, NAME
from tests.train.stand_in import FACTORY
from train.checkpoints import Checkpoints
from train.errors import BadConfig, CannotSave, Diverged, NoImages, WrongCheckpoint
from train.experiment import build_model, packing_of
from train.export import export
from train.mesh import make_mesh
from train.optimiser import DIRECTIONS, make_optimiser
from train.profile import Profile
from train.run import train
from train.state import state_like


def _saved(config: ConfigDict, workdir: Path, kind: str = "checkpoints"):
    packing = packing_of(build_model(config), config)
    like = state_like(packing, make_optimiser(config, packing), make_mesh())
    with Checkpoints(workdir / kind) as checkpoints:
        state, position = checkpoints.restore(like)
    return jax.tree.map(np.array, state), position


def _lines(workdir: Path) -> list[dict]:
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("optimiser", DIRECTIONS)
def test_a_run_that_was_stopped_and_resumed_equals_one_that_was_not(
    optimiser: str, config: ConfigDict, tmp_path: Path, stop_at: Callable[[int], None]
) -> None:
    config.optimiser, config.checkpoint_minutes = optimiser, 1e9
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
    config.learning_rate = float("inf")
    config.stop_after_skips = 2
    with pytest.raises(Diverged, match="the last 2 steps"):
        train(config, tmp_path)


def test_a_run_that_learned_nothing_says_so(config: ConfigDict, tmp_path: Path) -> None:
    config.learning_rate = float("inf")
    with pytest.raises(Diverged, match="the last .* nothing was learned"):
        train(config, tmp_path)


def test_another_model_does_not_resume_here(config: ConfigDict, tmp_path: Path) -> None:
    train(config, tmp_path)
    config.model.overrides.width = 5
    with pytest.raises(WrongCheckpoint, match=r"width=4 \(now 5\)"):
        train(config, tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("crop", 100, "crop=100 must be a positive multiple of 8"),
        ("eval_crop", 0, "eval_crop=0 must be"),
        ("batch_size", 0, "positive multiple of devices times accumulate, 1"),
        (
            "accumulate",
            3,
            "batch_size=2 must be a positive multiple of devices times accumulate, 3",
        ),
        ("data.drawn", 1.5, r"data.drawn=1.5 must lie in \[0, 1\]"),
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


def test_a_run_can_start_from_weights(config: ConfigDict, tmp_path: Path) -> None:
    train(config, tmp_path / "first")
    package = export(tmp_path / "first", "float32", factory=FACTORY)
    save_package(tmp_path / "first.safetensors", package, "float32")
    config.init_from = str(tmp_path / "first.safetensors")
    config.learning_rate = 0.0
    train(config, tmp_path / "second")
    started = export(tmp_path / "second", "float32", factory=FACTORY).params
    # To the rounding of an average of equal numbers.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-6), started, package.params)


@pytest.mark.parametrize("weights", ["hcfssnet-tiny", "nowhere.safetensors"])
def test_weights_that_cannot_be_started_from_are_named(
    config: ConfigDict, tmp_path: Path, weights: str
) -> None:
    config.init_from = weights
    with pytest.raises((BadConfig, WrongCheckpoint), match=f"init_from='{weights}'"):
        train(config, tmp_path)


def test_the_state_of_the_best_validation_is_kept(
    config: ConfigDict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(
        "train.held_out.make_validation", lambda *_: lambda ema: {"loss": next(losses)}
    )
    config.eval_every = 2
    train(config, tmp_path)
    assert int(_saved(config, tmp_path, "best")[0].step) == 4
    assert export(tmp_path, best=True, factory=FACTORY).meta["steps"] == 4


def test_a_run_says_where_its_figures_come_from(config: ConfigDict, tmp_path: Path) -> None:
    train(config, tmp_path, command="python -m train.main")
    train(config, tmp_path, command="again")
    starts = [json.loads(line) for line in (tmp_path / "starts.jsonl").read_text().splitlines()]
    assert [(start["step"], start["command"]) for start in starts] == [
        (0, "python -m train.main"),
        (6, "again"),
    ]
    assert starts[0]["packages"]["jax"] == jax.__version__
    assert starts[0]["devices"] == jax.device_count()
    assert list((tmp_path / "tensorboard").iterdir())


def test_an_unreadable_image_is_named_once_and_the_run_goes_on(
    config: ConfigDict, photo_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    shutil.copytree(photo_dir, tmp_path / "photos")
    (tmp_path / "photos" / "photo3.png").write_bytes(b"no image")
    config.data.path = str(tmp_path / "photos")
    config.steps = 12
    train(config, tmp_path / "run")
    assert capsys.readouterr().out.count("photo3.png cannot be read") == 1


def test_photos_that_are_all_smaller_than_a_crop_are_named(
    config: ConfigDict, tmp_path: Path
) -> None:
    config.crop = 128
    with pytest.raises(BadConfig, match="crop=128 is larger than every one of 6 images"):
        train(config, tmp_path)


def test_a_checkpoint_that_cannot_be_written_does_not_end_a_run_before_its_end(
    config: ConfigDict,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    def save(self: Checkpoints, step: int, *_: object) -> None:
        raise CannotSave(f"step {step}: disk full.")

    monkeypatch.setattr(Checkpoints, "save", save)
    config.eval_every, config.checkpoint_minutes = 0, 0.0
    with pytest.raises(CannotSave, match="step 6"):
        train(config, tmp_path)
    assert "warning: step 3: disk full. The run goes on." in capsys.readouterr().out


def test_a_profile_of_some_steps_is_written(config: ConfigDict, tmp_path: Path) -> None:
    config.steps = 8
    train(config, tmp_path, profile=2)
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))


def test_a_signal_asks_for_a_profile_while_the_run_goes_on(
    config: ConfigDict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Profile.before

    def asked_at_two(self: Profile, step: int) -> None:
        if step == 2:
            os.kill(os.getpid(), signal.SIGUSR1)
        before(self, step)

    monkeypatch.setattr(Profile, "before", asked_at_two)
    config.steps = 4
    assert not train(config, tmp_path)
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))


def test_drawn_images_are_validated_beside_the_photos_and_do_not_choose(
    config: ConfigDict, tmp_path: Path
) -> None:
    config.data.held_out, config.eval_levels = 1, (0, 7)
    config.steps = config.eval_every = 1
    train(config, tmp_path)
    [figures] = [line for line in _lines(tmp_path) if line["kind"] == "validation"]
    assert figures["bpp_drawn_7"] > 0 and 0 < figures["psnr_drawn_7"] != figures["psnr_7"]
    of_the_photo = [
        figures[f"bpp_{level}"]
        + config.lambdas[level] * 255**2 * 10 ** (-figures[f"psnr_{level}"] / 10)
        for level in (0, 7)
    ]
    assert figures["loss"] == pytest.approx(np.mean(of_the_photo), rel=1e-4)


def test_held_out_images_become_real_files_and_a_picture(
    config: ConfigDict, tmp_path: Path
) -> None:
    config.model = {"name": NAME, "factory": "", "overrides": FIELDS}
    config.eval_files, config.eval_levels = 1, (0, 7)
    config.steps = config.eval_every = 1
    train(config, tmp_path)
    [figures] = [line for line in _lines(tmp_path) if line["kind"] == "validation"]
    assert figures["file_bpp_7"] > figures["file_bpp_0"] > 0
    with Image.open(tmp_path / "pictures" / "00000001.png") as picture:
        assert picture.size == (3 * 64, 64)  # the original and two levels


def test_a_path_without_photos_stops_before_anything_is_written(
    config: ConfigDict, tmp_path: Path
) -> None:
    config.data.path = str(tmp_path / "nowhere")
    with pytest.raises(NoImages, match="nowhere"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
