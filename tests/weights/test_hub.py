"""Weights go to a hub and come back, and what does not is told in a line."""

import importlib
import json
import sys

import pytest

import hcfss_jax
from hcfss_jax.cli.program import main
from hcfss_jax.errors import UnknownModel, UnreachablePlace, WrongWeights
from hcfss_jax.weights import load_package, save_package
from hcfss_jax.weights.hub import Address
from tests.small_model import photo, small_package
from tests.weights.stand_in_hub import serving

huggingface_hub = pytest.importorskip("huggingface_hub")
constants = importlib.import_module("huggingface_hub.constants")
ADDRESS = "hf://lab/small"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setenv("HF_TOKEN", "hf_of_a_test")
    with serving() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        yield served


@pytest.fixture
def package(tmp_path):
    path = tmp_path / "small.safetensors"
    save_package(path, small_package(), dtype="float32")
    return path


def test_what_is_pushed_loads_and_codes_and_is_found_again_without_the_hub(hub, package, capsys):
    assert main(["push", str(package), ADDRESS]) == 0
    assert capsys.readouterr().out == f"{hub.url}/lab/small\n"
    files = hub.files["lab/small"]
    assert files["model.safetensors"] == package.read_bytes()
    assert json.loads(files["config.json"])["fingerprint"] == small_package().fingerprint.hex()
    card = files["README.md"].decode()
    assert card.startswith("---\nlibrary_name: hcfss_jax\n") and f'load("{ADDRESS}")' in card
    codec, here = hcfss_jax.load(ADDRESS), hcfss_jax.load(package)
    data = codec.compress(photo(20, 20))
    assert data == here.compress(photo(20, 20))
    hub.files.clear()  # the cache has it
    assert load_package(f"{ADDRESS}@{_commit_in_cache()}").fingerprint == codec.package.fingerprint


def _commit_in_cache() -> str:
    (repo,) = huggingface_hub.scan_cache_dir(constants.HF_HUB_CACHE).repos
    (revision,) = repo.revisions
    return revision.commit_hash


def test_pull_writes_a_file_and_keeps_what_is_there(hub, package, tmp_path, capsys):
    card, out = tmp_path / "card.md", tmp_path / "pulled.safetensors"
    card.write_text("# Mine\n")
    assert main(["push", str(package), ADDRESS, "--card", str(card), "--private"]) == 0
    assert hub.files["lab/small"]["README.md"].endswith(b"\n# Mine\n")
    assert main(["pull", ADDRESS, "--out", str(out)]) == 0
    assert out.read_bytes() == package.read_bytes()
    assert main(["pull", ADDRESS, "--out", str(out)]) == 1
    assert "--force" in capsys.readouterr().err


def test_a_file_of_another_name_stands_beside(hub, package):
    assert main(["push", str(package), f"{ADDRESS}/more/deep.safetensors"]) == 0
    assert hub.files["lab/small"].keys() == {"more/deep.safetensors"}
    assert load_package(f"{ADDRESS}/more/deep.safetensors").name == small_package().name


def test_what_cannot_be_had_is_told(hub, package, monkeypatch):
    with pytest.raises(UnknownModel, match="no such repository, or it is private"):
        load_package("hf://lab/none")
    hub.files["lab/other"] = {"README.md": b"", "model.safetensors": b"of another library"}
    with pytest.raises(WrongWeights, match="not a weight package"):
        load_package("hf://lab/other")
    with pytest.raises(UnknownModel, match=r"lab/other/none\.safetensors: "):
        load_package("hf://lab/other/none.safetensors")
    with pytest.raises(UnknownModel, match="lab/other@v9: "):
        load_package("hf://lab/other@v9")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(UnreachablePlace, match="not in the cache, and the hub does not answer"):
        load_package("hf://lab/else")
    with pytest.raises(UnreachablePlace, match="hf://lab/else: "):
        hcfss_jax.weights.publish.push(package, "hf://lab/else")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UnreachablePlace, match=r"pip install 'hcfss-jax\[hub\]'"):
        load_package("hf://lab/other")


@pytest.mark.parametrize(
    "text", ["hf://", "hf://alone", "hf://a/b/c", "hf://a/b@", "hf://a/b/c.bin"]
)
def test_addresses_that_are_none_are_refused(text):
    with pytest.raises(UnknownModel, match="hf://OWNER/NAME"):
        load_package(text)


def test_an_address_has_its_parts():
    assert Address.of("hf://a/b.c@v1/d/e.safetensors") == ("a/b.c", "v1", "d/e.safetensors")
    assert Address.of("hf://a/b/") == ("a/b", None, "model.safetensors")
