"""Write a file whole or not at all."""

import errno
import itertools
import os
import stat
from pathlib import Path

from hcfss_jax.runtime.places import in_bucket, reached

_numbers = itertools.count()


def write_whole(path: Path, data: bytes) -> None:
    """Put `data` at `path`, making its folder where there is none.

    Written beside it under another name and moved there when complete: whoever looks at `path`
    sees what was there before, or all of the new. Nothing stays behind after an error or Ctrl-C.
    A symbolic link stays one: what it leads to is written. Devices and pipes are written into.
    In a bucket every object appears so.
    """
    if in_bucket(path):
        with reached(path):
            path.write_bytes(data)
        return
    if is_stream(path):
        with path.open("wb") as file:
            file.write(data)
        return
    place = Path(os.path.realpath(path)) if path.is_symlink() else path
    if place.is_symlink():  # a link that leads to itself stays what it is
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_beside(place)
    try:
        partial.write_bytes(data)
        os.replace(partial, place)
    finally:
        partial.unlink(missing_ok=True)


def is_stream(path: Path) -> bool:
    """Whether a path is a device, a pipe, or one of this process's open files: nothing that could be replaced."""
    if path.parent in (Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd")) and path.exists():
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def partial_beside(path: Path) -> Path:
    """A name for what will be `path`: hidden, of this process alone, and short, as the name of `path` may not be."""
    return path.with_name(f".{os.getpid()}-{next(_numbers)}.partial")
