"""What a run tells, where it cannot be written, and where nothing can."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict
from tensorboardX.proto import event_pb2

from tests.train.full_disk import full_disk
from train.profile import Profile
from train.report import Report
from train.run import train

_FIGURES = {"loss": 1.0, "bpp": 0.5, "psnr": 30.0, "skipped": 0.0}


def _records(workdir: Path) -> list[event_pb2.Event]:
    """Of all of TensorBoard's files; each record is its length, 4 bytes, itself, and 4 bytes more."""
    events = []
    for path in sorted((workdir / "tensorboard").iterdir()):
        data = path.read_bytes()
        while len(data) >= 12 and len(data) >= (end := 12 + int.from_bytes(data[:8], "little")):
            events.append(event_pb2.Event.FromString(data[12:end]))
            data = data[end + 4 :]
    return events


def scalars(workdir: Path) -> dict[str, list[float]]:
    """All that TensorBoard is told, by name."""
    found: dict[str, list[float]] = {}
    for event in _records(workdir):
        for value in event.summary.value:
            found.setdefault(value.tag, []).append(value.simple_value)
    return found


def test_figures_that_cannot_be_written_are_a_warning_and_a_gap(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report(tmp_path, 0, 10, 2)
    report.training(1, _FIGURES)
    with full_disk((tmp_path / "metrics.jsonl").stat().st_size + 20):
        report.training(2, _FIGURES)
        report.training(3, _FIGURES)
    report.training(4, _FIGURES)
    report.close()
    told = capsys.readouterr().out
    for name in ("metrics.jsonl", "tensorboard"):
        path = tmp_path / name
        assert told.count(f"warning: {path} cannot be written (File too large): is the disk") == 1
        assert told.count(f"{path} is written again, with a gap") == 1
    assert told.count("step ") == 4  # on the terminal there is no gap
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 4]
    losses = [e.step for e in _records(tmp_path) for v in e.summary.value if v.tag == "train/loss"]
    assert losses[0] == 1 and losses[-1] == 4


def test_a_picture_that_cannot_be_written_is_a_warning_and_no_half_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    report = Report(tmp_path, 0, 10, 2)
    with full_disk(1000):
        report.picture(5, picture)
    assert f"warning: {tmp_path / 'pictures'} cannot be written" in capsys.readouterr().out
    assert not list((tmp_path / "pictures").iterdir())
    report.picture(6, picture)
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["00000006.png"]
    report.close()


def test_a_resumed_run_purges_what_tensorboard_knows_after_its_start(tmp_path: Path) -> None:
    Report(tmp_path, 7, 10, 2).validation(8, {"loss": 2.0})
    start = next(e for e in _records(tmp_path) if e.HasField("session_log"))
    assert (start.step, start.session_log.status) == (7, event_pb2.SessionLog.START)


def test_a_run_outlives_a_full_disk(
    config: ConfigDict,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config.steps, config.log_every, config.eval_every = 12, 1, 6
    config.checkpoint_minutes = 0.0
    with contextlib.ExitStack() as disk:

        def before(self: Profile, step: int) -> None:
            if step == 4:
                disk.enter_context(full_disk(100))
            elif step == 9:
                disk.close()

        monkeypatch.setattr(Profile, "before", before)
        assert not train(config, tmp_path)
    told = capsys.readouterr().out
    assert all(f"step {step}/12 " in told for step in range(1, 13))
    assert "warning: a checkpoint could not be written" in told
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line)["step"] for line in lines if '"train"' in line]
    assert steps == [1, 2, 3, 4, 10, 11, 12]
    assert (tmp_path / "checkpoints" / "12").is_dir()
