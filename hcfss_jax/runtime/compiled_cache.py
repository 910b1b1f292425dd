"""Compiled programs on disk, found by what they are made of: a process that starts need not even trace them.

JAX's own cache is asked with a lowered program in hand, and to trace and lower the passes of a small model takes longer
than all else that coding one picture does. Here a file's name is a digest of all that a program follows from: the
sources, the versions, the processor, the function and its static arguments, the shapes. Weights are arguments.

What a program returns is known, as shapes, before it is there. So who says ahead what will run has it loaded, or
compiled, on all cores, while the first of it runs.

For programs of one CPU only; anywhere else functions run as JAX runs them.
"""

import contextlib
import functools
import hashlib
import os
import pickle
import platform
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import jax
from jax.experimental import serialize_executable
from jax.experimental.compilation_cache import compilation_cache

from hcfss_jax.runtime.whole_file import write_whole

_SETTINGS = ("JAX_", "XLA_")  # environment variables that may change what a program computes

_LESS = {"xla_backend_optimization_level": 1}
"""Of LLVM's optimisation, where 3 is XLA's default: a sixth less to compile, and no slower to run."""

Function = Any
"""What `jax.jit` makes, or a program: both are called, and have more that typing does not know of."""


class _Program(NamedTuple):
    """gives: what it returns, as shapes. call: the program itself, when it is loaded or compiled."""

    gives: Any
    call: Future[Function]


_folder: Path | None = None
_programs: dict[Any, _Program] = {}


class _Compiling:
    """JAX's cache is off while any thread compiles. cached: what it is when none does."""

    lock = threading.Lock()
    threads = 0
    cached = True


_compiling = _Compiling()


def keep_in(folder: Path | None) -> None:
    """From now on `run` keeps its programs in a folder, which nobody else may write to: they are run as they lie there.

    For programs that set JAX up by its environment variables and flags, once. None: no longer.
    """
    global _folder
    _folder = folder
    _programs.clear()


def run(function: Function, *args: Any, static: int = 0) -> Any:
    """What `function(*args)` returns.

    function: made by `jax.jit`. args: arrays, and trees of them, after the first `static`, which are its static
    arguments and whose `repr` says all that they are.
    """
    if not foresees():
        return function(*args)
    return _ready(function, args, static)(*args[static:])


def foresee(function: Function, *args: Any, static: int = 0) -> Any:
    """What `run` would return, as shapes, of which args may consist too; until it is run the program is loaded, or
    compiled, beside what else is done. Only where this process `foresees`."""
    return _program(function, args, static).gives


def foresees() -> bool:
    """Whether programs are kept at all."""
    return _folder is not None and jax.default_backend() == "cpu" and jax.device_count() == 1


def give_up() -> None:
    """What is foreseen and has not begun is not made, so that after an error nobody waits for it."""
    for key, program in [*_programs.items()]:
        if program.call.cancel():
            del _programs[key]


def _ready(function: Function, args: tuple[Any, ...], static: int) -> Function:
    """The program, waited for."""
    while True:
        with contextlib.suppress(CancelledError):  # another thread gave up
            return _program(function, args, static).call.result()


def _program(function: Function, args: tuple[Any, ...], static: int) -> _Program:
    leaves, tree = jax.tree.flatten(args[static:])
    shapes = tuple((x.shape, x.dtype, getattr(x, "weak_type", False)) for x in leaves)
    key = function, args[:static], tree, shapes
    if key not in _programs or _programs[key].call.cancelled():
        assert _folder is not None
        told = [
            (shape, dtype.char, weak) for shape, dtype, weak in shapes
        ]  # its repr takes a while
        name = _name(f"{function.__module__}.{function.__name__}", args[:static], tree, told)
        _programs[key] = _load_or_compile(_folder / name, function, args)
    return _programs[key]


def _load_or_compile(path: Path, function: Function, args: tuple[Any, ...]) -> _Program:
    """Begins to. It is traced in this thread, whose settings of JAX may be its own."""
    if stored := _read(path):
        gives, program = stored
        return _Program(gives, _workers().submit(_load, program, path, function, args))
    function.clear_cache()  # nor one that this process has got from JAX's cache
    traced = function.trace(*args)
    return _Program(traced.out_info, _workers().submit(_compile, traced, path))


def _read(path: Path) -> tuple[Any, Any] | None:
    """What the program gives, and itself as it is stored; None where it is missing or damaged (zlib keeps a sum)."""
    try:
        found: tuple[Any, Any] = pickle.loads(zlib.decompress(path.read_bytes()))
        return found
    except Exception:
        return None


def _load(stored: Any, path: Path, function: Function, args: tuple[Any, ...]) -> Function:
    try:
        return serialize_executable.deserialize_and_load(*stored)
    except Exception:  # refused by this JAX
        return _compile(function.trace(*args), path)


def _compile(traced: Any, path: Path) -> Function:
    """Compiles it, and keeps it where that can be done."""
    flags = os.environ.get("XLA_FLAGS", "")
    options = {name: value for name, value in _LESS.items() if name not in flags}
    with _without_jax_cache():
        program: Function = traced.lower().compile(compiler_options=options)
    # A full disk, a folder that is read only, a program that cannot be stored: it runs all the same.
    with contextlib.suppress(Exception):
        stored = traced.out_info, serialize_executable.serialize(program)
        write_whole(path, zlib.compress(pickle.dumps(stored), 1))
    return program


@contextlib.contextmanager
def _without_jax_cache() -> Iterator[None]:
    """Compile anew: an executable that came out of JAX's cache loses functions when it is stored again."""
    with _compiling.lock:
        _compiling.threads += 1
        if _compiling.threads == 1:
            _compiling.cached = jax.config.values["jax_enable_compilation_cache"]
            _use_jax_cache(False)
    try:
        yield
    finally:
        with _compiling.lock:
            _compiling.threads -= 1
            if _compiling.threads == 0:
                _use_jax_cache(_compiling.cached)


def _use_jax_cache(enabled: bool) -> None:
    jax.config.update("jax_enable_compilation_cache", enabled)
    compilation_cache.reset_cache()  # it looks at the setting once


@functools.cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), "programs")


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
