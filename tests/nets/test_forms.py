"""Nets as ONNX and as StableHLO, and the command that writes them."""

import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from hcfss_jax.cli import main, runtime
from hcfss_jax.codec import Codec
from hcfss_jax.errors import HcfError
from hcfss_jax.nets.decoder_nets import decoder_nets
from hcfss_jax.nets.net import Net
from hcfss_jax.nets.stablehlo_form import PLATFORMS, to_stablehlo
from tests.nets.exported import HEIGHT, WIDTH, codec, need_onnx
from tests.small_model import photo, small_package

TINY = "hcfssnet-tiny"
ONE = jax.ShapeDtypeStruct((3,), jnp.float32)


@pytest.fixture
def small_codec(monkeypatch):
    monkeypatch.setattr(runtime, "load_codec", lambda *names: codec(TINY))


def test_every_net_is_a_program_of_stablehlo_for_cpus_gpus_and_tpus():
    nets = decoder_nets(codec(TINY).model, codec(TINY).params, (256, 256))
    rng = np.random.default_rng(0)
    for net in nets.before.values():
        restored = export.deserialize(bytearray(to_stablehlo(net)))
        assert restored.platforms == PLATFORMS
        given = [2 * rng.normal(size=s.shape) for s in net.inputs.values()]
        given = [x.astype(s.dtype) for x, s in zip(given, net.inputs.values(), strict=True)]
        if "area" in net.inputs:
            given[[*net.inputs].index("area")] = np.array([192, 128], np.int32)
        found, wanted = restored.call(*given), jax.jit(net.function)(*given)
        for ours, theirs, name in zip(wanted, found, net.outputs, strict=True):
            assert ours.shape == net.outputs[name].shape
            np.testing.assert_allclose(theirs, ours, atol=1e-5 * np.abs(ours).max(), rtol=0)


def test_nets_take_and_give_only_what_matters():
    nets = decoder_nets(codec(TINY).model, codec(TINY).params, (256, 256))
    assert [*nets.before] == [1, 2, 3] and not nets.questions
    assert "level" not in nets.before[2].inputs
    assert [*nets.before[3].outputs] == ["picture"]
    given = {"level", "area", *(f"step{n}.symbols" for n in range(3))}
    for net in nets.before.values():
        assert {*net.inputs} <= given
        given |= {*net.outputs}


def test_the_command_writes_a_folder_and_keeps_one_that_is_there(tmp_path, small_codec, capsys):
    picture, out = tmp_path / "a.hcf", tmp_path / "out"
    picture.write_bytes(codec(TINY).compress(photo(HEIGHT, WIDTH), 1))
    command = ["export-nets", TINY, str(out), "--like", str(picture), "--format", "stablehlo"]
    assert main(command) == 0
    assert "256x256" in capsys.readouterr().out
    told = json.loads((out / "decoder.json").read_text())
    assert ([*told["nets"]], told["form"], told["levels"]) == (["256x256"], "stablehlo", 12)
    assert all((out / net["file"]).exists() for net in told["nets"]["256x256"].values())
    assert main(command) == 1
    assert "--force" in capsys.readouterr().err
    (out / "mine.txt").write_text("stays")
    assert main([*command, "--force"]) == 0 and (out / "mine.txt").exists()


def test_a_folder_holds_what_several_pictures_take(tmp_path, small_codec, capsys):
    tiled = Codec(small_package(0, TINY), tile=128)
    for name, by, shape in (("a", codec(TINY), (300, 90)), ("b", tiled, (150, 90))):
        (tmp_path / f"{name}.hcf").write_bytes(by.compress(photo(*shape), 1))
    out = tmp_path / "out"
    like = [word for name in "ab" for word in ("--like", str(tmp_path / f"{name}.hcf"))]
    command = ["export-nets", *like, TINY, str(out), "--format", "stablehlo", "--size", "9", "9"]
    assert main(command) == 0, capsys.readouterr().err
    told = json.loads((out / "decoder.json").read_text())
    assert {*told["nets"]} == {"512x512", "256x256"}


def test_files_that_the_nets_will_not_decode_are_named_before_anything_is_made(
    tmp_path, small_codec, capsys
):
    others, none = tmp_path / "others.hcf", tmp_path / "none.hcf"
    others.write_bytes(Codec(small_package(1, TINY)).compress(photo(40, 50), 1))
    none.write_bytes(b"GIF89a")
    for path in (others, none, tmp_path / "missing.hcf"):
        assert main(["export-nets", TINY, str(tmp_path / "out"), "--like", str(path)]) == 1
        told = capsys.readouterr().err
        assert path.name in told and told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_to_is_told_at_once(tmp_path, small_codec, capsys):
    (tmp_path / "file").write_text("no folder")
    where = str(tmp_path / "file" / "out")
    assert main(["export-nets", TINY, where, "--size", "9", "9", "--format", "stablehlo"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_for_no_picture_there_are_no_nets(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["export-nets", TINY, "out"])
    assert stopped.value.code == 2 and "--like" in capsys.readouterr().err


@pytest.mark.parametrize("size", [["0", "5"], ["2049", "5"], ["x", "5"], ["5"]])
def test_a_size_that_is_none_is_a_usage_error(size, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["export-nets", TINY, "out", "--size", *size])
    assert stopped.value.code == 2


def test_without_the_converter_one_line_says_what_to_install(
    tmp_path, small_codec, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    assert main(["export-nets", TINY, str(tmp_path / "out"), "--size", "9", "9"]) == 1
    told = capsys.readouterr().err
    assert "pip install 'hcfss-jax[onnx]'" in told and told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_operation_without_a_word_in_onnx_is_named():
    need_onnx()
    from hcfss_jax.nets.onnx_form import to_onnx

    def asks_python(x):
        return [jax.pure_callback(np.sin, ONE, x)]

    with pytest.raises(HcfError, match="step7 cannot be told in ONNX.* pure_callback"):
        to_onnx(Net("step7", {"x": ONE}, {"y": ONE}, asks_python))
