"""`hcfss import-torch` and `hcfss export-torch`."""

import numpy as np
import pytest

from hcfss_jax.cli import main
from hcfss_jax.pytorch import read_state_dict, write_state_dict
from hcfss_jax.weights import load_package, save_package
from tests.ported_model import package


def test_weights_are_exported_and_an_existing_file_is_kept(tmp_path, capsys):
    weights, out = str(tmp_path / "tcm.safetensors"), str(tmp_path / "state.safetensors")
    save_package(weights, package("tcm-n64"), "float32")
    assert main(["export-torch", weights, out]) == 0
    assert "g_a.0.conv1.weight" in read_state_dict(out)
    assert main(["export-torch", weights, out]) == 1
    assert "--force" in capsys.readouterr().err
    assert main(["export-torch", weights, out, "--force"]) == 0


def test_a_checkpoint_of_another_model_is_refused_with_a_line_for_each_tensor(tmp_path, capsys):
    state, out = tmp_path / "state.safetensors", tmp_path / "out.safetensors"
    write_state_dict(state, {"g_a.0.conv1.weight": np.zeros((8, 3, 3, 3), np.float32)})
    assert main(["import-torch", str(state), str(out), "--model", "tcm"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert "do not fit tcm-n64" in told[0]
    assert "  missing: g_a.0.conv1.bias (128,)" in told
    assert not out.exists()


def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path, capsys):
    nothing = tmp_path / "notes.pth"
    nothing.write_text("nothing")
    out = str(tmp_path / "out.safetensors")
    assert main(["import-torch", str(nothing), out, "--model", "csm"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.golden
def test_a_checkpoint_becomes_a_weight_package(tmp_path, capsys):
    from tests.golden.test_models import state

    file, out = tmp_path / "state.safetensors", tmp_path / "out.safetensors"
    write_state_dict(file, state("tcm_n64"))
    assert main(["import-torch", str(file), str(out), "--model", "tcm"]) == 0
    assert "tcm-n64" in capsys.readouterr().out
    assert load_package(out).meta == {"imported_from": "state.safetensors"}
