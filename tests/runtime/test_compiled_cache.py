"""Programs that an earlier process left behind are run, where they are the right ones, and only there."""

import functools
import os
import threading
from concurrent import futures

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.codec import Codec
from hcfss_jax.codec.compiled_model import CodingPasses
from hcfss_jax.runtime import compiled_cache
from tests.small_model import photo, small_model, small_package, small_params

X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def process(tmp_path):
    """Begins a process: it knows what lies in the folder, and nothing else."""

    def begin():
        jax.clear_caches()
        compiled_cache._surroundings.cache_clear()
        compiled_cache.keep_in(tmp_path / "programs")

    yield begin
    compiled_cache.keep_in(None)
    compiled_cache._surroundings.cache_clear()


@pytest.fixture
def traced():
    """One entry for each time that `scaled` was traced."""
    return []


@pytest.fixture
def scaled(traced):
    @functools.partial(jax.jit, static_argnums=0)
    def scaled(factor, tree):
        traced.append(factor)
        return {"product": factor * tree["x"] @ tree["x"].T, "sum": jnp.sum(tree["x"], axis=0)}

    return scaled


def check(result, x=X, factor=2):
    np.testing.assert_array_equal(result["product"], factor * x @ x.T)
    np.testing.assert_array_equal(result["sum"], x.sum(axis=0))


def test_the_next_process_traces_nothing(process, scaled, traced):
    for _ in range(3):
        process()
        for _ in range(2):
            check(compiled_cache.run(scaled, 2, {"x": X}, static=1))
    assert len(traced) == 1


@pytest.mark.parametrize(
    ("factor", "x"),
    [(3, X), (2, X[:1]), (2, X.astype(np.int32))],
    ids=["static argument", "shape", "type"],
)
def test_another_program_is_another_file(process, scaled, traced, factor, x):
    process()
    check(compiled_cache.run(scaled, 2, {"x": X}, static=1))
    process()
    check(compiled_cache.run(scaled, factor, {"x": x}, static=1), x, factor)
    assert len(traced) == 2


def test_programs_of_other_sources_are_not_run(process, scaled, traced, tmp_path, monkeypatch):
    monkeypatch.setattr(compiled_cache, "__file__", str(tmp_path / "runtime" / "compiled_cache.py"))
    for source in ("one = 1", "one = 2"):
        (tmp_path / "layer.py").write_text(source)
        process()
        compiled_cache.run(scaled, 2, {"x": X}, static=1)
    assert len(traced) == 2


def test_programs_of_other_settings_are_not_run(process, scaled, traced, monkeypatch):
    for precision in ("highest", "default"):
        monkeypatch.setenv("JAX_DEFAULT_MATMUL_PRECISION", precision)
        process()
        compiled_cache.run(scaled, 2, {"x": X}, static=1)
    assert len(traced) == 2


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:-9], lambda b: b[:99] + b[100:]])
def test_a_damaged_file_is_replaced(process, scaled, traced, tmp_path, damage):
    process()
    compiled_cache.run(scaled, 2, {"x": X}, static=1)
    (file,) = (tmp_path / "programs").iterdir()
    file.write_bytes(damage(file.read_bytes()))
    for _ in range(2):
        process()
        check(compiled_cache.run(scaled, 2, {"x": X}, static=1))
    assert len(traced) == 2


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(process, scaled, tmp_path):
    (tmp_path / "programs").write_text("no folder")
    process()
    check(compiled_cache.run(scaled, 2, {"x": X}, static=1))


def test_what_jax_has_in_its_own_cache_is_kept_as_well(process, scaled, tmp_path):
    """Stored again, an executable from there would lack functions."""
    settings = {
        "jax_compilation_cache_dir": str(tmp_path / "jax"),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: jax.config.values[name] for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    compiled_cache.compilation_cache.reset_cache()
    try:
        scaled(2, {"x": X})
        assert list((tmp_path / "jax").iterdir())
        for _ in range(2):
            process()
            check(compiled_cache.run(scaled, 2, {"x": X}, static=1))
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
        compiled_cache.compilation_cache.reset_cache()


def test_a_picture_is_decoded_to_the_bit_by_the_programs_of_another_process(process, monkeypatch):
    process()
    data = Codec(small_package()).compress(photo(70, 90))
    decoded = Codec(small_package()).decompress(data)
    process()
    monkeypatch.setattr(compiled_cache, "_compile", None)
    assert np.array_equal(Codec(small_package()).decompress(data), decoded)
    # All but the range coder's, which hangs on how many bytes there are, are foreseen before the first is run.
    for given, action, of_bytes in (
        (None, lambda codec: codec.decompress(data), "decode_loop"),
        ({}, lambda codec: codec.compress(photo(70, 90)), "_encode_loop"),
    ):
        process()
        passes = CodingPasses(small_model(), small_params())
        passes.foresee(passes.of(70, 90), given)
        foreseen = set(compiled_cache._programs)
        action(Codec(small_package()))
        run = {function.__name__ for function, *_ in set(compiled_cache._programs) - foreseen}
        assert run == {of_bytes}


def test_what_was_given_up_is_made_when_it_is_run(process, scaled, traced):
    process()
    wait = threading.Event()
    busy = [compiled_cache._workers().submit(wait.wait) for _ in range(os.cpu_count() or 1)]
    shapes = compiled_cache.foresee(scaled, 2, {"x": X}, static=1)
    assert (shapes["product"].shape, shapes["sum"].shape) == ((2, 2), (3,))
    compiled_cache.give_up()
    wait.set()
    futures.wait(busy)
    check(compiled_cache.run(scaled, 2, {"x": X}, static=1))
    assert len(traced) == 2


def test_what_is_kept_is_compiled_anew_though_this_process_has_the_function_at_hand(
    process, scaled, traced
):
    """What it has may come from JAX's own cache, and loses functions when it is stored again."""
    check(scaled(2, {"x": X}))
    process()
    check(compiled_cache.run(scaled, 2, {"x": X}, static=1))
    assert len(traced) == 2
