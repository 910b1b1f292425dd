"""PyTorch's files, read without PyTorch."""

import os
import pickle
import sys
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from hcfss_jax.errors import WrongWeights
from hcfss_jax.pytorch import read_state_dict, write_state_dict
from hcfss_jax.pytorch.checkpoint import _KNOWN

HERE = Path(__file__).parent
WHOLE = np.arange(24, dtype=np.float32).reshape(4, 6)


def test_a_training_script_s_checkpoint_gives_its_state_dict():
    state = read_state_dict(HERE / "checkpoint.pth.tar")
    wanted = {
        "whole": WHOLE,
        "turned": WHOLE.T,
        "row": WHOLE[2],
        "every_other": WHOLE[:, ::2],
        "scalar": np.float32(2.5),
        "empty": np.zeros(0, np.int32),
        "half": np.arange(6, dtype=np.float16).reshape(2, 3),
        "long": np.arange(5),
        "learned": np.full(2, 0.25, np.float32),
    }
    assert state.keys() == wanted.keys() | {"brain"}
    for name, array in wanted.items():
        np.testing.assert_array_equal(state[name], array)
        assert state[name].dtype == np.asarray(array).dtype
    np.testing.assert_array_equal(state["brain"].astype(np.float32), np.arange(6))


@pytest.mark.parametrize(
    ("file", "says"), [("legacy.pth", "before 1.6"), ("module.pth", "asks for torch.nn.*Linear")]
)
def test_a_file_that_is_no_state_dict_is_refused_by_name(file, says):
    with pytest.raises(WrongWeights, match=says):
        read_state_dict(HERE / file)


def archive(tmp_path: Path, stored: bytes) -> Path:
    """A PyTorch file with this pickle and one storage of four floats."""
    with zipfile.ZipFile(tmp_path / "made.pth", "w") as made:
        made.writestr("made/data.pkl", stored)
        made.writestr("made/data/0", bytes(16))
    return tmp_path / "made.pth"


def test_nothing_in_a_file_is_run(tmp_path):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "harm"),)

    with pytest.raises(WrongWeights, match="asks for .*mkdir"):
        read_state_dict(archive(tmp_path, pickle.dumps({"state_dict": Harm()}, protocol=2)))
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [(3, [2], [1]), (0, [2, 3], [2, 1]), (-1, [1], [1]), (3, [2], [-1]), (0, [2**40], [0])],
)
def test_a_tensor_that_reaches_beyond_its_storage_is_refused(tmp_path, offset, size, stride):
    """Otherwise a file could show what lies elsewhere in memory, or ask for more than there is."""

    def numbers(values):
        return "".join(f"I{value}\n" for value in values)

    storage = "(Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI4\ntQ"
    view = f"{numbers([offset])}({numbers(size)}t({numbers(stride)}t"
    tensor = f"ctorch._utils\n_rebuild_tensor_v2\n({storage}{view}I00\n(dtR"
    with pytest.raises(WrongWeights, match="beyond its storage"):
        read_state_dict(archive(tmp_path, f"(dVx\n{tensor}s.".encode()))


@pytest.mark.parametrize("cut", [0, 1, 500, 2000, -30])
def test_a_damaged_file_is_refused(tmp_path, cut):
    path = tmp_path / "cut.pth"
    path.write_bytes((HERE / "checkpoint.pth.tar").read_bytes()[:cut])
    with pytest.raises(WrongWeights, match=r"cut\.pth"):
        read_state_dict(path)


@pytest.mark.parametrize("known", sorted(" ".join(name) for name in _KNOWN))
def test_nothing_that_outlives_the_reading_is_altered(tmp_path, known):
    """A pickle can set attributes of whatever it has been given."""
    with pytest.raises(WrongWeights):
        stored = "c" + known.replace(" ", "\n") + "\n(N(dVmark\nI1\nsttb."
        read_state_dict(archive(tmp_path, stored.encode()))
    assert not any(hasattr(value, "mark") for value in _KNOWN.values())


def test_compressed_numbers_are_refused(tmp_path):
    """A few bytes could ask for any amount of memory."""
    source, path = zipfile.ZipFile(HERE / "checkpoint.pth.tar"), tmp_path / "small.pth"
    with source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name in source.namelist():
            made.writestr(name, source.read(name))
    with pytest.raises(WrongWeights, match="compressed"):
        read_state_dict(path)


@pytest.mark.parametrize("length", range(60, 100, 8))
def test_safetensors_are_told_from_pickles_whatever_their_header_is_long(tmp_path, length):
    write_state_dict(tmp_path / "a.safetensors", {"n" * length: WHOLE})
    assert read_state_dict(tmp_path / "a.safetensors").keys() == {"n" * length}


def test_bfloat16_is_read_from_safetensors(tmp_path):
    write_state_dict(tmp_path / "a.safetensors", {"a": WHOLE.astype(ml_dtypes.bfloat16)})
    np.testing.assert_array_equal(read_state_dict(tmp_path / "a.safetensors")["a"], WHOLE)


def test_what_is_no_tensor_is_named(tmp_path):
    stored = pickle.dumps({"state_dict": {"epoch": 3}}, protocol=2)
    with pytest.raises(WrongWeights, match="'epoch' is a int"):
        read_state_dict(archive(tmp_path, stored))


def test_safetensors_come_back_as_they_were_written(tmp_path):
    write_state_dict(tmp_path / "state.safetensors", {"a.b": WHOLE, "empty": np.zeros(0, np.int32)})
    state = read_state_dict(tmp_path / "state.safetensors")
    np.testing.assert_array_equal(state["a.b"], WHOLE)
    assert state["empty"].dtype == np.int32


def test_writing_pytorch_s_own_format_says_what_it_takes(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(WrongWeights, match="pip install torch.*safetensors"):
        write_state_dict(tmp_path / "state.pth", {"a": WHOLE})
    assert not list(tmp_path.iterdir())
