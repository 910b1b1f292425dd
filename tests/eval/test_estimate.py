"""Estimates are what whole files give, for pictures of all sizes together and on any number of devices."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jax.errors import JaxRuntimeError
from PIL import Image

from eval.main import main
from hcfss_jax.evaluation import Evaluator
from hcfss_jax.weights import save_package
from tests.small_model import NAME, photo, small_package

# Three of one bucket, one of another, one grey.
SIZES = {"a.png": (100, 200), "b.png": (161, 240), "c.png": (256, 256), "d.png": (70, 300)}
QUALITIES = ["2", "5"]
ON_EIGHT = "--xla_force_host_platform_device_count=8"


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_package(path, small_package(), "float32")
    return str(path)


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for seed, (name, size) in enumerate(SIZES.items()):
        Image.fromarray(photo(*size, seed)).save(folder / name)
    Image.fromarray(photo(90, 80)).convert("L").save(folder / "grey.png")
    return folder


def options(weights: str, photos: Path, out: Path) -> list[str]:
    return [
        "--weights",
        weights,
        "--data",
        str(photos),
        "--out",
        str(out),
        "--qualities",
        *QUALITIES,
    ]


def points(out: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (out / "points.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = {(row["image"], row["quality"]): row for row in rows}
    assert len(found) == len(rows) == len(QUALITIES) * (len(SIZES) + 1)
    return found


@pytest.fixture(scope="module")
def estimates(weights, photos, tmp_path_factory) -> dict:
    """Of a run in batches of three, which neither the pictures of a bucket nor all of them fill."""
    out = tmp_path_factory.mktemp("estimates")
    assert main([*options(weights, photos, out), "--estimate", "--batch", "3"]) == 0
    report = json.loads((out / "report.json").read_text())
    assert not report["files"] and report["anchors"] == {}
    assert "No files were written" in (out / "index.html").read_text()
    return points(out)


def test_estimates_are_what_whole_files_give(weights, photos, estimates, tmp_path):
    assert main([*options(weights, photos, tmp_path), "--anchors"]) == 0
    for key, real in points(tmp_path).items():
        found = estimates[key]
        assert found["bytes"] == found["encode_seconds"] == found["exact"] == ""
        assert float(found["bpp"]) == pytest.approx(float(real["estimated_bpp"]), rel=0.002)
        assert float(found["psnr"]) == pytest.approx(float(real["psnr"]), abs=0.01)
        assert bool(found["ms_ssim"]) == bool(real["ms_ssim"])


def test_eight_devices_count_each_picture_once(weights, photos, estimates, tmp_path):
    command = [sys.executable, "-m", "eval.main", *options(weights, photos, tmp_path)]
    environment = os.environ | {"XLA_FLAGS": ON_EIGHT, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([*command, "--estimate", "--batch", "1"], env=environment, check=True)
    assert json.loads((tmp_path / "report.json").read_text())["machine"]["devices"] == 8
    for key, found in points(tmp_path).items():
        assert float(found["bpp"]) == pytest.approx(float(estimates[key]["bpp"]), rel=1e-3)
        assert float(found["psnr"]) == pytest.approx(float(estimates[key]["psnr"]), abs=0.01)


def test_a_picture_that_cannot_be_read_leaves_the_others(weights, photos, tmp_path):
    for name in SIZES:
        (tmp_path / name).write_bytes((photos / name).read_bytes())
    (tmp_path / "b.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    assert main([*options(weights, tmp_path, out), "--estimate", "--batch", "3"]) == 1
    report = json.loads((out / "report.json").read_text())
    assert list(report["data"]["skipped"]) == ["b.png"]
    assert report["data"]["images"] == len(SIZES) - 1
    assert {entry["images"] for entry in report["curves"][NAME]} == {3}


def test_a_batch_that_does_not_fit_the_device_leaves_the_others(
    weights, photos, tmp_path, monkeypatch
):
    start = Evaluator.start

    def with_little_memory(self, batch):
        if batch["rgb"].shape[2] > 256:
            raise JaxRuntimeError("RESOURCE_EXHAUSTED")
        return start(self, batch)

    monkeypatch.setattr(Evaluator, "start", with_little_memory)
    assert main([*options(weights, photos, tmp_path), "--estimate", "--batch", "3"]) == 1
    data = json.loads((tmp_path / "report.json").read_text())["data"]
    assert data["images"] == len(SIZES) and "smaller --batch" in data["skipped"]["d.png"]
