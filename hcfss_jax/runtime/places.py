"""Where files lie: on a disk, or in a bucket of Google Cloud Storage, `gs://BUCKET/NAME`.

A place on a disk is a `pathlib.Path`. One in a bucket is a path of etils, with the same methods, which asks through
fsspec and gcsfs, the extra `gcs`. An object in a bucket appears whole or not at all, and cannot grow.
"""

import contextlib
import functools
import importlib.util
import logging
import os
import queue
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, cast

from hcfss_jax.errors import NoPlace, UnreachablePlace

_SCHEME = re.compile(r"([a-zA-Z][\w+.-]+)://")
_BUCKETS = "gs://"
_PATIENCE = 120.0  # seconds; gcsfs itself gives up sooner
T = TypeVar("T")


def path_of(path: str | os.PathLike[str]) -> Path:
    """The path that text means. Nothing is looked up.

    Raises NoPlace for `gs://` without what reads it, and for another scheme.
    """
    text = os.fspath(path)
    scheme = _SCHEME.match(text)
    if not scheme:
        return Path(path)
    if scheme[0] != _BUCKETS:
        raise NoPlace(
            f"{text}: only gs:// is a place, as Orbax keeps checkpoints in no other kind of bucket: "
            "mount this one and give its path there"
        )
    _storage()
    from etils import epath

    return cast(Path, epath.Path(text))


def in_bucket(path: str | os.PathLike[str]) -> bool:
    """Whether it is a place in a bucket."""
    return os.fspath(path).startswith(_BUCKETS)


def check_bucket(path: str | os.PathLike[str]) -> None:
    """Nothing on a disk; in a bucket, raises an OSError that says so where there is none or it cannot be listed."""
    if not in_bucket(path):
        return
    bucket = os.fspath(path).removeprefix(_BUCKETS).partition("/")[0]
    try:
        with reached(path):
            _storage().call("GET", "b/{}/o", bucket, maxResults=1)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: there is no bucket {bucket!r}") from error


def read(path: str, start: int = 0, size: int | None = None) -> bytes:
    """The bytes of a file, or `size` of them from `start` on; in a bucket nothing else is fetched. Raises OSError."""
    if size == 0:
        return b""
    if in_bucket(path):
        end = None if size is None else start + size
        with reached(path):
            return _storage().cat_file(path, start or None, end)
    with open(path, "rb") as file:
        if start:
            file.seek(start)
        return file.read(-1 if size is None else size)


def size_of(path: Path) -> int:
    """Bytes of a file. Raises OSError."""
    told: Any = path.stat()
    return told.length if in_bucket(path) else told.st_size


def objects_under(root: str) -> dict[str, int]:
    """Bytes of each object of a bucket whose name begins with `root`, by the rest of it, sorted. Raises OSError."""
    with reached(root):
        found = _storage().find(root, detail=True)
    names = {f"{_BUCKETS}{name}".removeprefix(root): told["size"] for name, told in found.items()}
    return dict(sorted(names.items()))


def upload(file: Path, path: Path) -> None:
    """Copy a file from the disk into a bucket. Raises OSError."""
    with reached(path):
        _storage().put_file(str(file), os.fspath(path))


@contextlib.contextmanager
def reached(path: str | os.PathLike[str]) -> Iterator[None]:
    """Around what asks a bucket: all that its clients raise becomes an OSError of one line.

    FileNotFoundError; PermissionError where the bucket refuses; UnreachablePlace for the rest, which may pass.
    """
    try:
        yield
    except (FileNotFoundError, PermissionError, UnreachablePlace):
        raise
    except Exception as error:
        told = " ".join(str(error).split()) or type(error).__name__
        if told.startswith("Forbidden") or getattr(error, "code", None) in (401, 403):
            raise PermissionError(f"{path}: the bucket refuses: {told}") from error
        raise UnreachablePlace(f"{path} cannot be reached: {told}") from error


def in_time(path: str | os.PathLike[str], call: Callable[[], T], seconds: float = _PATIENCE) -> T:
    """What a call returns that asks a bucket and may wait for it without end.

    Raises UnreachablePlace after so many seconds, and what the call raises.
    """
    answers: queue.SimpleQueue[tuple[Any, Exception | None]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put((call(), None))
        except Exception as error:
            answers.put((None, error))

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise UnreachablePlace(f"{path} has not answered within {seconds:g} s") from None
    if error:
        raise error
    return answer


@functools.cache
def _storage() -> Any:
    """The client of all buckets. Raises NoPlace where it is not installed."""
    if not all(map(importlib.util.find_spec, ("gcsfs", "etils"))):
        raise NoPlace(f"{_BUCKETS} takes what reads buckets: pip install 'hcfss-jax[gcs]'")
    os.environ.setdefault("EPATH_USE_TF", "false")  # one client, whatever else is installed
    import fsspec

    # A listing that is kept would hide what other hosts have written since.
    fsspec.config.conf.setdefault("gcs", {}).setdefault("use_listings_cache", False)
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)  # tells what it also raises
    return fsspec.filesystem("gcs")
