"""Pictures dealt out over hosts: the same table as on one."""

import csv
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from eval.dealt import facts_of
from eval.main import main
from eval.sweep import find_images
from hcfss_jax.codec import load
from hcfss_jax.models.contracts import factory_by_name
from hcfss_jax.runtime.agreement import differences
from hcfss_jax.weights import make_package, save_package
from tests.evaluation.quick_model import FACTORY, model, variables
from tests.small_model import photo
from tests.train.processes import ended, introduced, launch

SIZES = {"a.png": (40, 60), "b.png": (64, 50), "c.png": (170, 168), "d.png": (30, 30)}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("weights") / "block.safetensors"
    package = make_package(model(), "block", variables()["params"], {"made": "at random"})
    save_package(path, package, "float32")
    return str(path)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures, one of them grey, and one that cannot be read."""
    folder = tmp_path_factory.mktemp("photos")
    for seed, (name, size) in enumerate(SIZES.items()):
        picture = Image.fromarray(photo(*size, seed))
        (picture.convert("L") if name == "d.png" else picture).save(folder / name)
    (folder / "e.png").write_bytes((folder / "a.png").read_bytes()[:200])
    return folder


def command(weights: str, photos: Path, out: Path, *options: str) -> list[str]:
    given = ["--weights", weights, "--model-factory", FACTORY, "--data", str(photos)]
    return [*given, "--out", str(out), "--qualities", "2", "5", *options]


def points(out: Path) -> list[dict[str, str]]:
    with (out / "points.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "options", [("--estimate", "--batch", "1"), ("--anchors", "jpeg")], ids=["estimates", "files"]
)
def test_two_hosts_of_four_devices_tell_what_one_device_tells(
    options: tuple[str, ...], weights: str, photos: Path, tmp_path: Path
) -> None:
    assert main(command(weights, photos, tmp_path / "one", *options)) == 1  # e.png
    run = [sys.executable, "-m", "eval.main"]
    run += command(weights, photos, tmp_path / "two", *options)
    logs = tmp_path / "logs"
    codes = ended(launch(introduced(run, 2), logs, devices=4))
    said = [(logs / f"host{host}.log").read_text() for host in range(2)]
    assert codes == [1, 1], said
    one, two = ([*points(tmp_path / name)] for name in ("one", "two"))
    assert len(one) == len(two) > len(SIZES)
    for expected, found in zip(one, two, strict=True):  # in the same order, too
        for name, value in expected.items():
            if not name.endswith("_seconds"):
                is_number = name not in ("codec", "image", "weights", "exact") and value
                equal = pytest.approx(float(value), rel=1e-5) if is_number else value
                assert (float(found[name]) if is_number else found[name]) == equal, name
    data = [
        json.loads((tmp_path / name / "report.json").read_text())["data"] for name in ("one", "two")
    ]
    assert data[0] == data[1] and list(data[0]["skipped"]) == ["e.png"]
    assert "means:" in said[0] and "means:" not in said[1]  # one host tells


def test_hosts_that_were_told_otherwise_are_found_out(
    weights: str, photos: Path, tmp_path: Path
) -> None:
    codec = load(weights, model=factory_by_name(FACTORY))
    pictures = find_images(photos)
    one = facts_of([(codec, 2.0)], pictures, {"estimate": True})
    assert differences([one, facts_of([(codec, 2.0)], pictures, {"estimate": True})]) == []
    other = facts_of([(codec, 3.0)], pictures.first(2), {"estimate": False})
    told = "\n".join(differences([one, other]))
    assert "--estimate: True on host 0; False on host 1" in told
    assert "the pictures: 5, with names" in told and "the weights and qualities" in told


def test_half_of_an_introduction_is_named(weights: str, photos: Path, tmp_path: Path, capsys):
    options = ("--processes", "2", "--process_id", "0")
    assert main(command(weights, photos, tmp_path, *options)) == 1
    assert "need --coordinator=HOST:PORT" in capsys.readouterr().err
