"""`hcfss info` and `hcfss models` tell what is known without running a model."""

import json
from pathlib import Path

import pytest

from hcfss_jax.cli import main
from hcfss_jax.coding import Header, pack
from hcfss_jax.weights import package


@pytest.fixture
def file(tmp_path):
    """A file of 100x50 pixels whose symbols are not those of any model."""
    header = Header("hcfssnet-tiny", b"\xab\xcd\x01\x02", 100, 50, "grey", 3.5, 7)
    path = tmp_path / "a.hcf"
    path.write_bytes(pack(header, bytes(20), {1: bytes(9), 133: bytes(14)}))
    return path


def test_info_prints_the_header_and_the_rate(file, capsys):
    assert main(["info", str(file)]) == 0
    told = capsys.readouterr().out
    size = file.stat().st_size
    for fact in (
        "100x50 pixels, grey",
        "hcfssnet-tiny",
        "abcd0102",
        "3.5",
        "ALPHA (9 bytes)",
        "EXACT (14 bytes)",
    ):
        assert fact in told
    assert f"{8 * size / 5000:.3f} bpp" in told


@pytest.mark.parametrize(
    "name, told, bound",
    [("lossless", "lossless", 0), ("errors-of-2", "no value is off by more than 2", 2)],
)
def test_info_tells_what_a_residual_promises(name, told, bound, capsys):
    path = str(Path(__file__).parents[1] / "coding" / "golden" / "v2" / f"{name}.hcf")
    assert main(["info", path]) == 0
    assert f"{told}; of the picture below" in capsys.readouterr().out
    assert main(["info", "--json", path]) == 0
    assert json.loads(capsys.readouterr().out)[0]["max_error"] == bound


def test_info_names_what_is_wrong_with_a_file(file, capsys):
    file.write_bytes(file.read_bytes()[:-5])
    assert main(["info", str(file)]) == 1
    assert main(["info", str(file.with_name("absent.hcf"))]) == 1
    cut, absent = capsys.readouterr().err.splitlines()
    assert cut.startswith(f"hcfss: {file}: ")
    assert absent.endswith("absent.hcf: no such file or directory")


def test_models_says_of_each_model_whether_its_weights_are_here(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(package, "SHIPPED", tmp_path)
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(line.split()[0] for line in lines)
    assert any(line.startswith("hcfssnet-base") and "no weights here" in line for line in lines)


def test_a_file_cannot_make_the_decoder_open_other_files(file, capsys):
    header = Header("../elsewhere", b"\0\0\0\0", 8, 8, "rgb", 1.0)
    file.write_bytes(pack(header, b""))
    assert main(["decompress", str(file)]) == 1
    assert "of '../elsewhere', which do not come with" in capsys.readouterr().err


def test_weights_that_are_not_here_are_asked_for_with_the_option_to_give_them(tmp_path, capsys):
    foreign = Header("hcfssnet-tiny", b"\0\0\0\1", 64, 64, "rgb", 4.0)
    (tmp_path / "a.hcf").write_bytes(pack(foreign, b""))
    assert main(["decompress", str(tmp_path / "a.hcf")]) == 1
    told = capsys.readouterr().err
    assert "weights 00000001 of 'hcfssnet-tiny'" in told and "--model FILE" in told
    assert main(["compress", "a.png", "--model", "hcfssnet-base"]) == 1
    assert "hcfssnet-base has no weights yet: train it" in capsys.readouterr().err
