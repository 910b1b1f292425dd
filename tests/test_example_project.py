"""The project in docs/example, by the commands of its README, made small."""

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval.main import main as evaluate
from hcfss_jax.codec import load
from hcfss_jax.errors import UnknownModel
from hcfss_jax.weights import load_package
from tests.small_model import photo
from train.export import main as export

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "docs" / "example"
SMALL = ("steps=4", "log_every=2", "eval_every=4", "pictures=24", "data.held_out=4", "eval_files=1")


def _commands() -> list[list[str]]:
    """Those of the README, from the `python` on."""
    lines = re.findall(r"^    python (.+)$", (EXAMPLE / "README.md").read_text(), re.MULTILINE)
    return [shlex.split(line) for line in lines]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first two commands have left a run and a package."""
    folder = tmp_path_factory.mktemp("example")
    module, name, *arguments = _commands()[0]
    flags = [f"--config.{field}" for field in SMALL]
    done = subprocess.run(
        [sys.executable, module, name, *arguments, *flags, f"--workdir={folder / 'run'}"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(EXAMPLE), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    _, _, _, _, *flags = _commands()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLE)
        export([str(folder / "run"), str(folder / "blocks.safetensors"), *flags])
    return folder


def test_it_trains_exports_codes_and_is_measured_from_outside(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.chdir(made)
    rows = list(csv.DictReader((made / "run" / "figures.csv").open()))
    assert [(row["kind"], row["step"]) for row in rows] == [
        ("train", "2"),
        ("train", "4"),
        ("validation", "4"),
    ]
    assert float(rows[0]["edges"]) > 0
    told = (made / "run" / "metrics.jsonl").read_text()
    assert '"psnr_worst": ' in told and '"file_bpp_0": ' in told and '"bpp_high": ' in told

    Path("PHOTOS").mkdir()
    Image.fromarray(photo(40, 56)).save("PHOTOS/photo.png")
    shutil.copy("PHOTOS/photo.png", "photo.png")
    _, _, *to_measure = _commands()[2]
    assert evaluate([*to_measure, "--qualities", "1", "8", "--anchors"]) == 0
    assert "to the bit: 2 of 2" in capsys.readouterr().out

    codec = load("blocks.safetensors", model=__import__("blockcodec.model").model.create)
    assert codec.model.paddable  # all of its layers say what they need beyond a picture
    encoded = codec.encode(photo(33, 21), 3)
    assert np.array_equal(np.asarray(codec.decompress(encoded.data)), encoded.x_hat)

    (command,) = re.findall(r"^    hcfss (.+)$", (EXAMPLE / "README.md").read_text(), re.MULTILINE)
    program = [sys.executable, "-m", "hcfss_jax.cli", *shlex.split(command)]
    paths = os.pathsep.join(map(str, (EXAMPLE, ROOT)))
    subprocess.run(program, env=os.environ | {"PYTHONPATH": paths}, check=True)
    assert codec.decompress("photo.hcf").size == (56, 40)


def test_nothing_that_a_file_names_is_imported(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(made)
    package = load_package("blocks.safetensors")
    assert package.meta["experiment"]["model"]["factory"] == "blockcodec.model:create"
    with pytest.raises(UnknownModel, match="blockcodec"):
        load("blocks.safetensors")
    with pytest.raises(SystemExit, match="--model-factory=blockcodec.model:create imports it"):
        export(["run", "refused.safetensors"])
    assert evaluate(["--weights", "x", "--data", ".", "--model-factory", "no.such:create"]) == 1
    assert "is its directory on PYTHONPATH?" in capsys.readouterr().err
