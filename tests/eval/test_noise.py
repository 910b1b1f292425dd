"""The probe finds how far floats lie apart, and that files are read all the same."""

import json

import pytest
from PIL import Image

from eval import noise
from eval.arm import arm_setting
from hcfss_jax.entropy.margins import pixel_noise
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
    assert found["here"]["here"][0]["pixels_largest"] == 0
    assert 0 < found["here"]["slow"][0]["pixels_mean"] < found["here"]["slow"][0]["pixels_largest"]
    told = capsys.readouterr().out
    assert "written slow, read here: 1 of 1 right" in told
    assert "exact pixels: 0 wrong, 0 files not found" in told
    assert "% at quality 3\nwithout 64-bit ARM" in told

    known = load_package(tmp_path / "known.safetensors")
    assert known.fingerprint == small_package().fingerprint
    assert known.meta["noise"]["qualities"] == [3.0]
    assert max(known.meta["noise"]["largest"][0]) > 0
    assert 0 < pixel_noise(known.meta["noise"], 5.0) == found["here"]["slow"][0]["pixels_mean"]


def test_exact_pixels_that_are_wrong_or_not_found_count_as_files_read_wrongly(capsys):
    file = {
        "quality": 3.0,
        "same_symbols": True,
        "pixels_off_by_1": 1,
        "pixels_off_by_more": 0,
        "values": 9,
        "exact_found": True,
        "exact_wrong": 0,
        "pixels_mean": 1e-5,
        "pixels_largest": 1e-4,
        "largest": [0.0],
        "flips_without_shifts": 0,
        "bytes": 100,
        "bytes_without_shifts": 100,
        "exact_bytes": 10,
    }
    wrong, lost = {**file, "exact_wrong": 2}, {**file, "exact_found": False}
    assert noise._print({"here": {"there": [file, file]}}) == 0
    assert noise._print({"here": {"there": [file, wrong], "here": [lost]}}) == 2
    assert "exact pixels: 2 wrong, 0 files not found" in capsys.readouterr().out


def test_arm_is_a_setting_where_it_was_set_up_to_the_end(tmp_path):
    assert arm_setting(tmp_path / "nothing") is None
    (tmp_path / "qemu").mkdir()
    assert arm_setting(tmp_path) is None
    (tmp_path / "complete").touch()
    setting = arm_setting(tmp_path)
    assert setting is not None
    assert str(tmp_path / "site") in setting.environment["PYTHONPATH"]
    assert setting.python[0].endswith("qemu-aarch64-static")


@pytest.mark.parametrize("option", [(), ("--python", "/no/such/python")])
def test_what_cannot_be_measured_is_one_line(tmp_path, monkeypatch, capsys, option):
    monkeypatch.setattr(noise, "FLOAT_SETTINGS", {})
    if option:
        Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert noise.main(["--data", str(tmp_path), "--out", str(tmp_path / "out"), *option]) == 1
    error = capsys.readouterr().err
    assert error.startswith("eval.noise: ") and error.count("\n") == 1
