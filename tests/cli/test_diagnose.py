"""`hcfss diagnose`: why a file cannot be read, and how it can."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hcfss_jax.cli import diagnose
from hcfss_jax.cli.program import main

GOLDEN = Path(__file__).parents[1] / "coding" / "golden" / "v2"
WEIGHTS = str(GOLDEN / "weights.safetensors")


@pytest.fixture
def file(tmp_path):
    """A small file."""
    return Path(shutil.copy(GOLDEN / "one-pixel.hcf", tmp_path))


def test_it_finds_a_setting_that_reads_the_file_and_writes_the_picture(
    file, tmp_path, monkeypatch, capsys
):
    told = iter(["the decoded symbols are not those that were written"])
    read = diagnose._read
    monkeypatch.setattr(diagnose, "_read", lambda *args: next(told, None) or read(*args))
    out = tmp_path / "out.png"
    assert main(["diagnose", str(file), "-o", str(out), "--model", WEIGHTS]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3].startswith("as it is         the decoded symbols are not")
    assert lines[-2].split() == ["one", "thread", "reads", "it"]
    assert np.asarray(Image.open(out)).shape == (1, 1, 3)
    assert main(["diagnose", str(file), "-o", str(out), "--model", WEIGHTS]) == 1  # it is there


def test_a_file_whose_bytes_are_damaged_is_no_matter_of_floats(file, monkeypatch, capsys):
    monkeypatch.setattr(diagnose, "_read", lambda *args: pytest.fail("nothing to try"))
    data = bytearray(file.read_bytes())
    data[-9] ^= 1
    file.write_bytes(data)
    assert main(["diagnose", str(file)]) == 1
    assert "checksum" in capsys.readouterr().err
    assert main(["diagnose", str(file.with_name("none.hcf"))]) == 1


def test_where_nothing_reads_a_file_it_says_what_is_left(file, monkeypatch, capsys):
    monkeypatch.setattr(diagnose, "_read", lambda *args: "no")
    assert main(["diagnose", str(file), "--model", WEIGHTS]) == 1
    assert "jaxlib" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(
    "model, told",
    [
        ((), "do not come with the library: --model FILE"),
        (("--model", "hcfssnet-tiny"), "and hcfssnet-tiny has"),
        (("--model", "none.safetensors"), "none.safetensors"),
    ],
)
def test_without_the_weights_that_wrote_a_file_nothing_is_tried(
    model, told, file, monkeypatch, capsys
):
    monkeypatch.setattr(diagnose, "_read", lambda *args: pytest.fail("nothing to try"))
    assert main(["diagnose", str(file), *model]) == 1
    assert told in capsys.readouterr().err
