"""Weight packages: what is read is what was made, and every wrong file is refused by name."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from hcfss_jax.coding import Tables, tables_from_pmfs
from hcfss_jax.errors import UnknownModel, WrongWeights
from hcfss_jax.weights import (
    WeightPackage,
    check_parameters,
    load_package,
    make_package,
    save_package,
    shipped_names,
    shipped_with,
)
from hcfss_jax.weights import package as packages


@dataclasses.dataclass(frozen=True)
class _Config:
    widths: tuple[int, ...] = (3, 2)


class _Model(nn.Module):
    """Two dense layers, and a table whose frequencies follow the first kernel."""

    config: _Config = _Config()
    multiple = 64

    @nn.compact
    def __call__(self, x: jax.Array, level: jax.Array, keys: jax.Array) -> jax.Array:
        for i, width in enumerate(self.config.widths):
            x = nn.Dense(width, name=f"layer{i}")(x)
        return x

    def build_tables(self, variables: Any) -> dict[str, Tables]:
        masses = np.exp(np.asarray(variables["params"]["layer0"]["kernel"], np.float64).ravel())
        pmf = 0.99 * masses / masses.sum()
        return {"y": tables_from_pmfs([pmf], np.asarray([-4]))}


@pytest.fixture(scope="module")
def params() -> dict[str, Any]:
    images = jnp.zeros((1, 64, 64, 3))
    key = jax.random.key(0)
    return _Model().init(key, images, jnp.zeros(1), key[None])["params"]


@pytest.fixture
def package(params: dict[str, Any]) -> WeightPackage:
    return make_package(_Model(), "model-tiny", params, {"steps": 7})


def _equal(one: WeightPackage, other: WeightPackage) -> None:
    assert (one.name, one.config, one.meta) == (other.name, other.config, other.meta)
    jax.tree.map(np.testing.assert_array_equal, one.params, other.params)
    assert one.tables.keys() == other.tables.keys()
    for latent, table in one.tables.items():
        arrays = other.tables[latent].to_arrays()
        for name, array in table.to_arrays().items():
            np.testing.assert_array_equal(array, arrays[name])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_a_package_is_read_as_it_was_made(
    params: dict[str, Any], tmp_path: Path, dtype: str
) -> None:
    made = make_package(_Model(), "model-tiny", params, {"steps": 7}, dtype)
    save_package(tmp_path / "a.safetensors", made, dtype)
    read = load_package(tmp_path / "a.safetensors")
    _equal(read, made)
    assert read.fingerprint == made.fingerprint
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(read.params))
    assert read.parameter_count == 3 * 3 + 3 + 3 * 2 + 2


def test_the_tables_fit_the_parameters_as_they_are_stored(params: dict[str, Any]) -> None:
    made = make_package(_Model(), "model-tiny", params, {})
    again = _Model().build_tables({"params": made.params})["y"]
    np.testing.assert_array_equal(made.tables["y"].cdf, again.cdf)
    exact = _Model().build_tables({"params": params})["y"]
    assert not np.array_equal(made.tables["y"].cdf, exact.cdf)


def test_the_same_package_is_the_same_file(package: WeightPackage, tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_package(tmp_path / name, package)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_fingerprint_is_of_what_decodes_and_of_nothing_else(package: WeightPackage) -> None:
    def changed(**fields: Any) -> bytes:
        return dataclasses.replace(package, **fields).fingerprint

    assert changed(meta={"steps": 8}) == package.fingerprint
    other = jax.tree.map(np.copy, package.params)
    other["layer1"]["bias"][0] += 1
    longer = {"y": tables_from_pmfs([np.full(9, 0.11)], np.asarray([-3]))}
    others = [
        changed(name="model-small"),
        changed(config={"widths": [3, 3]}),
        changed(params=other),
        changed(tables=longer),
    ]
    assert len({package.fingerprint, *others}) == 5
    assert all(len(fingerprint) == 4 for fingerprint in others)


def test_float16_rounds_less_and_says_what_it_cannot_reach(params: dict[str, Any]) -> None:
    rounded = {
        d: make_package(_Model(), "m", params, {}, d).params for d in ("float16", "bfloat16")
    }
    off = {
        dtype: max(jax.tree.leaves(jax.tree.map(lambda a, b: np.abs(a - b).max(), params, own)))
        for dtype, own in rounded.items()
    }
    assert 0 < off["float16"] < off["bfloat16"] / 4
    large = jax.tree.map(lambda leaf: leaf + 1e5, params)
    with pytest.raises(ValueError, match="layer0.bias has numbers beyond float16"):
        make_package(_Model(), "m", large, {}, "float16")


def test_rounding_in_silence_is_refused(params: dict[str, Any], tmp_path: Path) -> None:
    exact = make_package(_Model(), "model-tiny", params, {}, "float32")
    with pytest.raises(ValueError, match="loses digits in bfloat16"):
        save_package(tmp_path / "a", exact, "bfloat16")
    assert not list(tmp_path.iterdir())


def test_an_unknown_storage_type_is_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="'int8'"):
        make_package(_Model(), "model-tiny", params, {}, "int8")


def test_replaced_weights_stay_beside_the_new_and_are_found_by_the_fingerprint_of_a_file(
    package: WeightPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "SHIPPED", tmp_path)
    newer = dataclasses.replace(package, config={**package.config, "more": 1})
    old_name = f"{package.name}-{package.fingerprint.hex()}"
    save_package(tmp_path / f"{package.name}.safetensors", newer)
    save_package(tmp_path / f"{old_name}.safetensors", package)
    assert shipped_with(package.name, newer.fingerprint) == package.name
    assert shipped_with(package.name, package.fingerprint) == old_name
    assert shipped_with("other-tiny", package.fingerprint) is None
    assert shipped_with(package.name, b"none") is None


def test_of_weights_whose_card_alone_is_here_it_is_said_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "SHIPPED", tmp_path)
    (tmp_path / "model-tiny-00000001.md").write_text("a card")
    where = "a checkout of the library has, as hcfss_jax/shipped/model-tiny-00000001.safetensors"
    assert where in packages.absence("model-tiny", b"\0\0\0\1")
    for model, fingerprint in (("model-tiny", b"\0\0\0\2"), ("../model-tiny", b"\0\0\0\1")):
        assert packages.absence(model, fingerprint) == "which do not come with the library"


def test_a_shipped_package_is_found_by_its_name(
    package: WeightPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "SHIPPED", tmp_path)
    save_package(tmp_path / "model-tiny.safetensors", package)
    (tmp_path / "model-tiny.md").write_text("a card")
    assert shipped_names() == ["model-tiny"]
    _equal(load_package("model-tiny"), package)
    with pytest.raises(UnknownModel, match=r"'model-huge'.*model-tiny"):
        load_package("model-huge")


def _rewritten(package: WeightPackage, path: Path, **header: Any) -> Path:
    """A package whose header says something else."""
    save_package(path, package)
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    said = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["hcfss_jax"])
    tensors = packages._tensors(package.params, package.tables)
    metadata = {"hcfss_jax": json.dumps(said | header)}
    path.write_bytes(safetensors.numpy.save(tensors, metadata))
    return path


def test_files_that_are_no_packages_are_refused(package: WeightPackage, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_package(path, package)
    whole = path.read_bytes()
    foreign = safetensors.numpy.save({"w": np.zeros(3, np.float32)})
    for data in (b"", b"not weights", bytes(8) + b"[]", foreign, whole[:40], whole[:-1]):
        path.write_bytes(data)
        with pytest.raises(WrongWeights, match=r"a\.safetensors is not a weight package"):
            load_package(path)


def test_a_flipped_bit_is_found(package: WeightPackage, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_package(path, package)
    whole = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(whole[:8], "little")
    for position in range(start, len(whole), 7):
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(WrongWeights, match=r"damaged|not a whole weight package"):
            load_package(path)


def test_a_newer_format_asks_for_a_newer_library(package: WeightPackage, tmp_path: Path) -> None:
    path = _rewritten(package, tmp_path / "a", format=99)
    with pytest.raises(WrongWeights, match=r"format 99.*update"):
        load_package(path)


def test_a_header_that_names_another_model_is_damage(
    package: WeightPackage, tmp_path: Path
) -> None:
    path = _rewritten(package, tmp_path / "a", model="model-huge")
    with pytest.raises(WrongWeights, match="damaged"):
        load_package(path)


def test_parameters_that_do_not_fit_the_model_are_named(package: WeightPackage) -> None:
    check_parameters(package, _Model())
    with pytest.raises(WrongWeights, match=r"layer1\.kernel: \(3, 2\) where .* \(3, 5\)"):
        check_parameters(package, _Model(_Config((3, 5))))
    with pytest.raises(WrongWeights, match=r"layer1\.bias: \(2,\) where .* none"):
        check_parameters(package, _Model(_Config((3,))))
