"""What someone meets who trains for the first time: few photos, waiting, starting again, stopping."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from configs.tcm import get_config
from tests.train.processes import ROOT
from tests.train.stand_in import FACTORY, NAME
from train import export as exporting
from train.checks import images_held_out
from train.errors import NoImages
from train.run import train


def _photos(folder: Path, count: int, name: bytes = b"photo") -> str:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(count):
        photo = Image.fromarray(rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)).resize((80, 96))
        with open(os.fsencode(folder) + b"/%s%d.png" % (name, index), "wb") as file:
            photo.save(file, "PNG")
    return str(folder)


def test_ten_photos_train_with_the_default_number_held_out(
    config: ConfigDict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.data.path = _photos(tmp_path / "photos", 10)
    config.data.held_out = get_config("tiny").data.held_out
    train(config, tmp_path / "run")
    told = capsys.readouterr().out
    assert "9 images to train on, 1 held out" in told
    assert "config.data.held_out=14 would be half of 10 images or more: 1 is held out" in told
    assert "9 images are few" in told


@pytest.mark.parametrize(
    ("images", "asked", "held_out"),
    [(10_000, 14, 14), (29, 14, 14), (28, 14, 2), (15, 14, 1), (2, 14, 1), (8, 2, 2), (5, 0, 0)],
)
def test_only_where_half_would_be_held_out_it_is_a_tenth(
    images: int, asked: int, held_out: int
) -> None:
    count, note = images_held_out(images, asked)
    assert count == held_out and (note is None) == (count == asked)


def test_one_photo_is_too_few_and_nothing_is_written(config: ConfigDict, tmp_path: Path) -> None:
    config.data.path = _photos(tmp_path / "photos", 1)
    with pytest.raises(NoImages, match="1 image is too few: training takes 2"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_says_its_devices_and_what_it_waits_for(
    config: ConfigDict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(config, tmp_path)
    told = capsys.readouterr().out
    order = ["training on ", "compiling the step", "step 3  validating", "step 3  held out"]
    assert sorted(map(told.index, order)) == [told.index(text) for text in order]
    assert "has come to its end" not in told


def test_a_run_that_goes_on_says_what_is_other_and_a_finished_one_that_it_is(
    config: ConfigDict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(config, tmp_path)
    config.steps = 8
    capsys.readouterr()
    train(config, tmp_path)
    told = capsys.readouterr().out
    assert "from here on config.steps=8 (was 6)" in told and told.count("from here on") == 1
    train(config, tmp_path)
    told = capsys.readouterr().out
    assert "this run has come to its end: 8 of 8 steps are taken" in told
    assert "compiling" not in told and "from here on" not in told


def test_a_photo_whose_name_is_no_text_is_named_and_the_run_goes_on(
    photo_dir: Path, tmp_path: Path
) -> None:
    photos = _photos(tmp_path / "photos", 3, b"caf\xe9")
    (tmp_path / "photos" / os.fsdecode(b"caf\xe93.png")).write_bytes(b"no image")
    done = _start(tmp_path / "run", photos, "--config.steps=12")
    out, err = done.communicate(timeout=120)
    assert done.returncode == 0, err
    assert b"3.png cannot be read, another takes its place" in out


def test_ctrl_c_saves_and_ends_with_130(photo_dir: Path, tmp_path: Path) -> None:
    running = _start(tmp_path / "run", str(photo_dir), "--config.steps=1000000")
    while b"step 3/" not in (line := running.stdout.readline()):
        assert line, running.stderr.read().decode()
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert b"stopping after this step, and saving" in err and b"Traceback" not in err
    assert b"the same command goes on from here" in out
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()]


@pytest.mark.parametrize("program", ["train.main", "train.export", "train.pack"])
def test_ctrl_c_before_the_work_ends_with_130(program: str, monkeypatch, tmp_path: Path) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    module = __import__(program, fromlist=["main"])
    first = {"train.main": "join", "train.export": "export", "train.pack": "open_source"}[program]
    monkeypatch.setattr(module, first, interrupted)
    monkeypatch.setattr("train.main.prepare_jax", lambda: None)
    monkeypatch.setattr("train.main._WORKDIR", ConfigDict({"value": "run"}))
    monkeypatch.setattr("train.main._COORDINATOR", ConfigDict({"value": ""}), raising=True)
    with pytest.raises(SystemExit) as ended:
        module.main([str(tmp_path / "in"), str(tmp_path / "out")])
    assert ended.value.code == 130


@pytest.fixture
def finished(config: ConfigDict, tmp_path: Path) -> Path:
    config.steps, config.eval_every = 1, 0
    train(config, tmp_path / "run")
    return tmp_path / "run"


def test_an_export_replaces_nothing_unless_it_is_told_to(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "weights.safetensors"
    out.write_bytes(b"precious")
    command = [str(finished), str(out), f"--model-factory={FACTORY}"]
    monkeypatch.setattr("sys.stdin", _Terminal(False))
    with pytest.raises(SystemExit, match="exists: give --force to replace it"):
        exporting.main(command)
    monkeypatch.setattr("sys.stdin", _Terminal(True))
    monkeypatch.setattr("builtins.input", lambda question: "")
    with pytest.raises(SystemExit, match="is kept"):
        exporting.main(command)
    assert out.read_bytes() == b"precious"
    monkeypatch.setattr("builtins.input", lambda question: "y")
    exporting.main(command)
    assert out.stat().st_size > 100
    out.write_bytes(b"precious")
    exporting.main([*command, "--force"])
    assert out.stat().st_size > 100


class _Terminal:
    def __init__(self, is_one: bool):
        self.isatty: Callable[[], bool] = lambda: is_one


def _start(workdir: Path, photos: str, *flags: str) -> subprocess.Popen:
    """A run of the stand-in whose words come back; Python takes output for ASCII, as under a plain locale."""
    command = [sys.executable, "-m", "train.main", f"--workdir={workdir}"]
    command += ["--config=configs/tcm.py:tiny", f"--config.model.name={NAME}"]
    command += [f"--config.model.factory={FACTORY}", "--config.eval_files=0"]
    command += ["--config.crop=64", "--config.eval_every=0", "--config.data.held_out=0"]
    command += ["--config.log_every=3", "--config.batch_size=2", f"--config.data.path={photos}"]
    return subprocess.Popen(
        [*command, *flags],
        cwd=ROOT,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
