"""The table of all systems: every family has a row, whatever is known of it, and each figure is that of its report."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from eval import published, systems, trials
from eval.summary import bd_rates
from eval.system_page import page
from eval.trials import ROOT, Length, Measuring, Trial
from eval.work import Work
from hcfss_jax.models.registry import FAMILIES
from hcfss_jax.weights import load_package, make_package, save_package
from tests.eval.jpeg_in_disguise import PHOTO
from tests.small_model import SMALL, small_model, small_params

RESULTS = ROOT / "docs/results"
LENGTH = Length(20, 2, 64)
FAMILY, OTHER = "tcm", "twobranch"


WORK = Work(analysis=393_216_000, steps=39_321_600, synthesis=786_432_000)


@pytest.fixture(autouse=True)
def work_at_once(monkeypatch):
    """Tracing takes seconds a model; `test_work.py` is about what comes out."""
    monkeypatch.setattr(
        "eval.system_table.create_model", lambda name: small_model(f"{FAMILY}-tiny")
    )
    monkeypatch.setattr("eval.system_table.work", lambda model, height, width: WORK)


def make_trial(
    folder: Path, family: str, steps: int, after: str = "", weights: bool = True, name: str = ""
) -> dict:
    """A report as `eval.main` writes it, about weights of a small model, and these beside it.

    name: of the model; one that is not small is shown by another's weights.
    """
    name = name or f"{family}-tiny"
    shown = name if name in SMALL else f"{FAMILY}-tiny"
    folder.mkdir(parents=True)
    config = {"batch_size": LENGTH.batch_size, "crop": LENGTH.crop, "init_from": after}
    meta = {"steps": steps, "experiment": config}
    package = make_package(small_model(shown), name, small_params(0, shown), meta)
    if weights:
        save_package(folder / f"{name}.safetensors", package)
    report = json.loads((RESULTS / "tcm-tiny-kodak/report.json").read_text())
    report["codec"] = {
        "name": name,
        "weights": [package.fingerprint.hex()],
        "parameters": package.parameter_count,
    }
    report["curves"][name] = report["curves"].pop("tcm-tiny")
    (folder / "report.json").write_text(json.dumps(report))
    return report


def table_of(folder: Path, *options: str) -> dict:
    args = [str(folder), "--steps", "20", "--batch", "2", "--crop", "64", *options]
    assert systems.main(args) == 0
    return json.loads((folder / "systems/table.json").read_text())


def test_every_family_has_a_row_and_a_report_fills_it(tmp_path, capsys):
    report = make_trial(tmp_path / "a", FAMILY, LENGTH.steps)
    table = table_of(tmp_path, "--no-paper")
    assert [row["family"] for row in table["trained"]] == list(FAMILIES)
    [row] = [row for row in table["trained"] if "why" not in row]
    assert row["family"] == FAMILY and row["parameters"] == report["codec"]["parameters"]
    assert row["pixels"] == 20 * 2 * 64 * 64 and row["exact"] == report["exact"]
    assert row["bd_rate"]["measured"] == report["bd_rate"]["measured"]["jpeg"]["psnr"]
    assert row["bd_rate"]["published"] == report["bd_rate"]["published"]["VTM 9.1"]["psnr"]
    curve = report["curves"][f"{FAMILY}-tiny"]
    assert row["encode_seconds"] * len(curve) == pytest.approx(
        sum(entry["encode_seconds"] for entry in curve)
    )
    text = (tmp_path / "systems/README.md").read_text()
    assert text.count("not trained yet") == len(FAMILIES) - 1
    figures = "-25.8 % | +128.2 % | 27.8 to 32.8 | 192 of 192 | 163,840 pixels |"
    assert figures in text and "| 1.1 k / 2.1 k |" in text
    with (tmp_path / "systems/table.csv").open() as file:
        lines = {line["model"]: line for line in csv.DictReader(file)}
    assert len(lines) == len(FAMILIES) and lines[f"{OTHER}-tiny"]["why"] == "not trained yet"
    assert float(lines[f"{FAMILY}-tiny"]["bd_rate_measured"]) == pytest.approx(-25.79, abs=0.01)


def test_what_was_trained_otherwise_stands_apart(tmp_path, capsys):
    """Longer, after other weights, or no one knows how."""
    make_trial(tmp_path / "a", FAMILY, 21)
    make_trial(tmp_path / "b", FAMILY, LENGTH.steps, after="first.safetensors")
    make_trial(tmp_path / "c", OTHER, LENGTH.steps, weights=False)
    table = table_of(tmp_path, "--no-paper")
    assert all(row["why"] == "not trained yet" for row in table["trained"])
    longer, later, unknown = table["otherwise"]
    assert longer["pixels"] > later["pixels"] and later["after"] == "first.safetensors"
    assert unknown["pixels"] is None and unknown["multiply_adds"] is None
    text = (tmp_path / "systems/README.md").read_text()
    assert (
        "163,840 pixels in its last run, after `first.safetensors`" in text and "not told" in text
    )


def test_what_is_no_report_of_a_family_is_named_and_passed_over(tmp_path, capsys):
    make_trial(tmp_path / "a", FAMILY, LENGTH.steps)
    (tmp_path / "b").mkdir()
    (tmp_path / "b/report.json").write_text("[]")
    (tmp_path / "c").mkdir()
    report = (tmp_path / "a/report.json").read_text().replace(f"{FAMILY}-tiny", "disguise")
    (tmp_path / "c/report.json").write_text(report)
    table_of(tmp_path, "--no-paper", "--families", FAMILY)
    told = capsys.readouterr().out
    assert f"passed over: {tmp_path / 'b/report.json'} is no report" in told
    assert f"passed over: {tmp_path / 'c/report.json'}, of disguise" in told


def test_families_that_were_not_asked_for_are_named(tmp_path):
    make_trial(tmp_path / "a", FAMILY, LENGTH.steps)
    table = table_of(tmp_path, "--families", OTHER)
    assert [row["family"] for row in table["trained"]] == [OTHER] and not table["otherwise"]
    left_out = [family for family in FAMILIES if family != OTHER]
    assert table["families_left_out"] == left_out
    assert f"left out: {', '.join(left_out)}" in page(table)
    [row] = table["paper"]
    assert row["held_to"] == FAMILIES[OTHER].held_to


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_says_what_it_is_and_who_says_how_good(family):
    of = FAMILIES[family]
    assert of.title and of.held_to and of.url.startswith("https://")
    assert of.published.source and bool(of.published.anchor) == bool(of.published.bd_rate)
    if of.published.curve:
        curves = published.curves("kodak")
        rate = bd_rates(curves[of.published.curve], curves["VTM 9.1"])["psnr"]["percent"]
        # As far apart as anchors are; the other sign, or the curve of another system, is further.
        assert rate == pytest.approx(of.published.bd_rate["Kodak"], abs=5)


class Programs:
    """Stands in for the trainer, the export and the evaluation, and leaves what they would."""

    def __init__(self, failing: str = ""):
        self.ran: list[tuple[str, str]] = []
        self.failing = failing

    def __call__(self, program: str, *args: str) -> str:
        family = Path(" ".join(args).partition("runs/")[2].split()[0]).parts[0].partition("-")[0]
        self.ran.append((program, family))
        if program == self.failing and family == FAMILY:
            return f"{program} ended with 1: the disk is full"
        if program == "train.export":
            out = Path(args[1])
            made = out.parent / "made"
            make_trial(made, family, LENGTH.steps)
            (made / out.name).rename(out)
            (made / "report.json").rename(out.parent / "to come")
        if program == "eval.main":
            folder = Path(args[args.index("--out") + 1])
            (folder / "to come").rename(folder / "report.json")
        return ""


def train(folder: Path) -> int:
    photos = folder / "photos"
    photos.mkdir(exist_ok=True)
    (photos / "a.png").write_bytes((ROOT / "hcfss_jax/shipped/astronaut.webp").read_bytes())
    args = ["--steps", "20", "--batch", "2", "--crop", "64", "--no-paper", str(folder / "runs")]
    return systems.main(
        [*args, "--families", FAMILY, OTHER, "--train", *[str(photos)], "--data", str(photos)]
    )


def test_what_is_there_is_not_done_again(tmp_path, monkeypatch):
    programs = Programs()
    monkeypatch.setattr(trials, "_run", programs)
    assert train(tmp_path) == 0
    of_each = ["train.main", "train.export", "eval.main"]
    assert programs.ran == [(program, family) for family in (FAMILY, OTHER) for program in of_each]
    programs.ran.clear()
    assert train(tmp_path) == 0 and not programs.ran
    (tmp_path / f"runs/{OTHER}-tiny/report.json").rename(tmp_path / f"runs/{OTHER}-tiny/to come")
    assert train(tmp_path) == 0 and programs.ran == [("eval.main", OTHER)]


@pytest.mark.parametrize("program", ["train.main", "train.export", "eval.main"])
def test_one_family_s_failure_is_told_and_the_others_go_on(tmp_path, monkeypatch, capsys, program):
    monkeypatch.setattr(trials, "_run", Programs(failing=program))
    assert train(tmp_path) == 1
    assert f"{FAMILY}: {program} ended with 1: the disk is full" in capsys.readouterr().err
    table = json.loads((tmp_path / "runs/systems/table.json").read_text())
    failed, done = table["trained"]
    assert "the disk is full" in failed["why"] and "why" not in done


def test_a_run_that_was_stopped_stops_all_and_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    def stopped(program, *args):
        raise KeyboardInterrupt

    monkeypatch.setattr(trials, "_run", stopped)
    assert train(tmp_path) == 130 and "goes on from here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["absent"], "absent is no folder"),
        (["--train", "."], "--train takes --data too"),
        (["--train", "absent", "--data", str(ROOT / "hcfss_jax/shipped")], "no photos"),
    ],
)
def test_what_cannot_work_is_said_at_once(capsys, args, told):
    assert systems.main(args) == 1
    error = capsys.readouterr().err
    assert error.startswith("eval.systems: ") and told in error and error.count("\n") == 1


def test_help_tells_both_uses():
    command = [sys.executable, "-m", "eval.systems", "--help"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "--train PHOTOS --data KODAK" in told and "docs/results" in told


def test_a_program_that_fails_is_told_by_its_last_line(capfd):
    why = trials._run("eval.main", "--data", str(ROOT / "absent"))
    assert why.startswith("eval.main ended with 1: eval.main: ") and "is no folder" in why
    assert "is no folder" in capfd.readouterr().out


def test_a_family_is_trained_coded_and_told_from_end_to_end(tmp_path):
    """By the real programs; without blocks HSCATB is plain convolutions, which compile sooner than any other."""
    fields = "widths=(8,8,8),blocks=(0,0,0),slices=(4,),hyper_width=8,hyper_channels=4,parameter_hidden=(8,8)"
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(6):
        Image.fromarray(PHOTO[:96, 40 * i :][:, :96]).save(photos / f"{i}.png")
    variant = f"tiny,{fields}"
    measuring = Measuring(photos, photos, [1.0, 8.0], ["jpeg"])
    trial = Trial("hscatb", variant, tmp_path / "a", LENGTH, measuring)
    assert trial.run() == ""
    package = load_package(trial.package)
    assert trials.trained_for(package.meta) == (LENGTH, "")
    row = next(row for row in table_of(tmp_path, "--no-paper")["trained"] if "why" not in row)
    assert row["exact"] == {"checked": 12, "equal": 12} and row["qualities"] == [1.0, 8.0]
    assert row["weights"] == [package.fingerprint.hex()]


def test_the_page_of_the_results_is_that_of_the_reports_and_has_every_family():
    """`python -m eval.systems` makes it again."""
    table = json.loads((RESULTS / "systems/table.json").read_text())
    assert page(table) == (RESULTS / "systems/README.md").read_text(encoding="utf-8")
    for rows in ("trained", "paper"):
        assert [row["family"] for row in table[rows]] == list(FAMILIES)
    for row in table["paper"]:
        of = FAMILIES[row["family"]]
        assert row["held_to"] == of.held_to and row["published"] == of.published._asdict()
        assert (row["title"], row["paper"], row["url"]) == (of.title, of.paper, of.url)
    told = {
        row["report"]: row for row in (*table["trained"], *table["otherwise"]) if "why" not in row
    }
    reports = {
        path.parent.name: json.loads(path.read_text()) for path in RESULTS.glob("*/report.json")
    }
    assert set(told) == set(reports)
    for name, report in reports.items():
        row = told[name]
        assert row["weights"] == report["codec"]["weights"] and row["exact"] == report["exact"]
        assert row["bd_rate"]["measured"] == report["bd_rate"]["measured"]["jpeg"]["psnr"]
