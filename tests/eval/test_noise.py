"""The probe finds how far floats lie apart, and that files are read all the same."""

import json

import pytest
from PIL import Image

from eval import noise
from hcfss_jax.weights import load_package, save_package
from tests.small_model import photo, small_package


def test_files_pass_between_settings_and_the_distances_are_kept(tmp_path, monkeypatch, capsys):
    (tmp_path / "pictures").mkdir()
    Image.fromarray(photo(100, 90)).save(tmp_path / "pictures" / "a.png")
    save_package(tmp_path / "small.safetensors", small_package(), "float32")
    settings = {"here": "", "slow": noise.FLOAT_SETTINGS["no optimisation"]}
    monkeypatch.setattr(noise, "FLOAT_SETTINGS", settings)
    args = ["--data", str(tmp_path / "pictures"), "--out", str(tmp_path / "out")]
    args += ["--weights", str(tmp_path / "small.safetensors"), "--qualities", "3"]
    assert noise.main([*args, "--record", str(tmp_path / "known.safetensors")]) == 0
    found = json.loads((tmp_path / "out" / "noise.json").read_text())
    assert found["here"]["here"][0]["largest"] == [0, 0]
    assert 0 < max(found["here"]["slow"][0]["largest"]) < 1e-3
    assert "written slow, read here: 1 of 1 right" in capsys.readouterr().out

    known = load_package(tmp_path / "known.safetensors")
    assert known.fingerprint == small_package().fingerprint
    assert known.meta["noise"]["qualities"] == [3.0]
    assert max(known.meta["noise"]["largest"][0]) > 0


@pytest.mark.parametrize("option", [(), ("--python", "/no/such/python")])
def test_what_cannot_be_measured_is_one_line(tmp_path, monkeypatch, capsys, option):
    monkeypatch.setattr(noise, "FLOAT_SETTINGS", {})
    if option:
        Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert noise.main(["--data", str(tmp_path), "--out", str(tmp_path / "out"), *option]) == 1
    error = capsys.readouterr().err
    assert error.startswith("eval.noise: ") and error.count("\n") == 1
