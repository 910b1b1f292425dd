"""Compiled programs on disk, found by what they are made of: a process that starts need not even trace them.

JAX's own cache is asked with a lowered program in hand, and to trace and lower the passes of a small model takes longer
than all else that coding one picture does. Here a file's name is a digest of all that a program follows from: the
sources, the versions, the processor, the function and its static arguments, the shapes. Weights are arguments.

For programs of one CPU only; anywhere else functions run as JAX runs them.
"""

import contextlib
import functools
import hashlib
import os
import pickle
import platform
import zlib
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
from jax.experimental import serialize_executable
from jax.experimental.compilation_cache import compilation_cache

from hcfss_jax.runtime.whole_file import write_whole

_SETTINGS = ("JAX_", "XLA_")  # environment variables that may change what a program computes

_folder: Path | None = None
_programs: dict[Any, Callable[..., Any]] = {}


def keep_in(folder: Path | None) -> None:
    """From now on `run` keeps its programs in a folder, which nobody else may write to: they are run as they lie there.

    For programs that set JAX up by its environment variables and flags, once. None: no longer.
    """
    global _folder
    _folder = folder
    _programs.clear()


def run(function: Callable[..., Any], *args: Any, static: int = 0) -> Any:
    """What `function(*args)` returns.

    function: made by `jax.jit`. args: arrays, and trees of them, after the first `static`, which are its static
    arguments and whose `repr` says all that they are.
    """
    if _folder is None:
        return function(*args)
    leaves, tree = jax.tree.flatten(args[static:])
    shapes = tuple((x.shape, x.dtype, getattr(x, "weak_type", False)) for x in leaves)
    key = function, args[:static], tree, shapes
    if key not in _programs:
        _programs[key] = _load_or_compile(_folder, key, args)
    return _programs[key](*args[static:])


def _load_or_compile(folder: Path, key: tuple, args: tuple[Any, ...]) -> Callable[..., Any]:
    function, static, tree, shapes = key
    if not _on_one_cpu():
        return functools.partial(function, *static)
    path = folder / _name(f"{function.__module__}.{function.__name__}", static, tree, shapes)
    program = _load(path)
    if program is None:
        with _without_jax_cache():
            function.clear_cache()  # nor one that this process has got from there
            program = function.lower(*args).compile()
        # A full disk, a folder that is read only, a program that cannot be stored: it runs all the same.
        with contextlib.suppress(Exception):
            write_whole(
                path, zlib.compress(pickle.dumps(serialize_executable.serialize(program)), 1)
            )
    return program


def _load(path: Path) -> Callable[..., Any] | None:
    """The program, or None where it is missing, damaged (zlib keeps a sum), or refused by this JAX."""
    try:
        stored = pickle.loads(zlib.decompress(path.read_bytes()))
        return serialize_executable.deserialize_and_load(*stored)
    except Exception:
        return None


def _on_one_cpu() -> bool:
    return jax.default_backend() == "cpu" and jax.device_count() == 1


@contextlib.contextmanager
def _without_jax_cache() -> Iterator[None]:
    """Compile anew: an executable that came out of JAX's cache loses functions when it is stored again."""
    enabled = jax.config.values["jax_enable_compilation_cache"]
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()  # it looks at the setting once
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", enabled)
        compilation_cache.reset_cache()


def _name(*parts: Any) -> str:
    digest = hashlib.sha256(_surroundings())
    digest.update("\n".join(map(str, parts)).encode())
    return digest.hexdigest()


@functools.cache
def _surroundings() -> bytes:
    """A digest of all that programs follow from beside their function and its arguments."""
    package = Path(__file__).parents[1]  # all of the library
    digest = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        digest.update(f"{source.relative_to(package)} {source.stat().st_size}\n".encode())
        digest.update(source.read_bytes())
    settings = sorted(item for item in os.environ.items() if item[0].startswith(_SETTINGS))
    versions = [metadata.version(name) for name in ("jax", "jaxlib", "flax", "numpy")]
    digest.update(repr((settings, versions, _processor())).encode())
    return digest.digest()


def _processor() -> tuple[str, ...]:
    """What tells processors with different instructions apart, where the cache folder is shared between machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n", 1)[0].splitlines()
    except OSError:  # no Linux
        return platform.machine(), platform.processor(), platform.node()
    features = ("flags", "Features", "model name", "CPU part")
    return platform.machine(), *(line for line in lines if line.startswith(features))
