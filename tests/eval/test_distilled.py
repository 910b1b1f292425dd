"""A student with a teacher beside one without: which programs run, in what order, from what."""

from pathlib import Path

import pytest

from eval import distilled, trials
from eval.trials import ROOT
from tests.eval.test_systems import make_trial


class Programs:
    """In place of the real ones: keeps what was asked for, and leaves what they would."""

    def __init__(self) -> None:
        self.trained: list[tuple[str, dict[str, str]]] = []
        self.measured: list[str] = []

    def __call__(self, program: str, *args: str) -> str:
        if program == "train.main":
            flags = dict(arg.removeprefix("--").split("=", 1) for arg in args)
            self.trained.append((flags["config"].rpartition(":")[2], flags))
        if program == "train.export":
            _, flags = self.trained[-1]
            out = Path(args[1])
            made = out.parent / "made"
            start = flags.get("config.init_from", "")
            make_trial(made, "feds", int(flags["config.steps"]), start, name=out.stem)
            (made / out.name).rename(out)
            (made / "report.json").rename(out.parent / "to come")
        if program == "eval.main":
            folder = Path(args[args.index("--out") + 1])
            (folder / "to come").rename(folder / "report.json")
            self.measured.append(folder.name)
        return ""


def arguments(folder: Path, *more: str) -> list[str]:
    photos = ROOT / "hcfss_jax/shipped"
    where = ["--train", str(photos), "--data", str(photos), str(folder)]
    return ["--family", "feds", "--steps", "20", "--batch", "2", "--crop", "64", *where, *more]


def test_the_student_has_as_many_steps_with_a_teacher_as_alone(tmp_path, monkeypatch, capsys):
    programs = Programs()
    monkeypatch.setattr(trials, "_run", programs)
    assert distilled.main(arguments(tmp_path)) == 0
    told = [(variant, int(flags["config.steps"])) for variant, flags in programs.trained]
    phases = [("features", 12), ("channels", 4), ("tuned", 4)]
    assert told == [
        ("tiny-teacher", 20),
        ("tiny", 20),
        *[(f"tiny,phase={phase}", n) for phase, n in phases],
    ]
    of_teacher = str(tmp_path / "teacher/feds-tiny-teacher.safetensors")
    teachers = [flags.get("config.distil.teacher") for _, flags in programs.trained]
    assert teachers == [None, None, of_teacher, of_teacher, None]
    starts = [flags.get("config.init_from") for _, flags in programs.trained]
    before = [
        str(tmp_path / f"{phase}/feds-tiny.safetensors") for phase in ("features", "channels")
    ]
    assert starts == [None, None, None, *before]
    assert programs.measured == ["teacher", "alone", "tuned"]
    assert "BD-rate of" in capsys.readouterr().out and (tmp_path / "comparison").is_dir()
    assert distilled.main(arguments(tmp_path)) == 0 and len(programs.trained) == 5


def test_a_family_without_a_teacher_is_named(tmp_path, capsys):
    assert distilled.main(arguments(tmp_path, "--family", "tcm")) == 1
    assert "configs/tcm.py has no phases" in capsys.readouterr().err


def test_a_phase_that_the_family_does_not_have_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(trials, "_run", Programs())
    assert distilled.main(arguments(tmp_path, "--phases", "sleep")) == 1
    assert "phase=sleep" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["--train", "--data"])
def test_without_photos_or_pictures_it_says_so(tmp_path, capsys, missing):
    args = arguments(tmp_path)
    at = args.index(missing)
    assert distilled.main([*args[:at], *args[at + 2 :]]) == 1
    error = capsys.readouterr().err
    assert error.startswith("eval.distilled: ") and missing in error
