"""One way to run every test: on the CPU, with compiled programs kept."""

import importlib.util
import os
import sys
from collections.abc import Iterator

import pytest
from absl import flags

# Before anything imports JAX. A user's own choice of platform wins: the suite runs on a GPU too.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

# grain's worker processes read absl's flags, which pytest never parses.
flags.FLAGS.mark_as_parsed()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--require-tfc`: a missing TensorFlow Compression fails the run instead of skipping tests."""
    parser.addoption(
        "--require-tfc",
        action="store_true",
        help="fail where TensorFlow Compression is not installed",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Keep JAX's compiled programs between runs, in pytest's own cache folder."""
    if getattr(config, "cache", None) is not None:
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(config.cache.mkdir("jax")))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
    if config.getoption("--require-tfc") and not _has_tfc():
        raise pytest.UsageError("--require-tfc: TensorFlow Compression is not installed here")


@pytest.fixture(scope="module", autouse=True)
def _let_go_of_programs() -> Iterator[None]:
    """After each file of tests. XLA maps memory for every program, and Linux ends a process that has 65,530 maps."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what compares with TensorFlow Compression where it is not installed."""
    if _has_tfc():
        return
    for item in items:
        if item.get_closest_marker("tfc"):
            item.add_marker(pytest.mark.skip(reason="TensorFlow Compression is not installed"))


def _has_tfc() -> bool:
    names = ("tensorflow_compression_ops", "tensorflow_compression")
    return any(importlib.util.find_spec(name) is not None for name in names)
