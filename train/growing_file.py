"""Files that grow while a run goes on. On a disk what comes is added; in a bucket nothing can be added.

There the file is kept in memory and written anew as a whole, now and then: what a run had not yet written when it was
killed is missing at the end, and no line of it is ever half there.
"""

import contextlib
import os
import time
from pathlib import Path
from typing import Protocol

from hcfss_jax.runtime.places import in_bucket, read
from hcfss_jax.runtime.whole_file import write_whole

EVERY = 60.0
"""Seconds between two writings of a file in a bucket."""


class GrowingFile(Protocol):
    """What is there already is kept. Raises OSError where it cannot be written."""

    def append(self, data: bytes) -> None:
        """Add to the end."""
        ...

    def flush(self) -> None:
        """Until all that came is written."""
        ...


def growing_file(path: Path) -> GrowingFile:
    """The file at a path, which need not be there."""
    return InBucket(path) if in_bucket(path) else OnDisk(path)


class OnDisk:
    """See `GrowingFile`: each piece is written at once, whole or not at all."""

    def __init__(self, path: Path):
        self._path = path

    def append(self, data: bytes) -> None:
        """See `GrowingFile`."""
        before = self._path.stat().st_size if self._path.exists() else 0
        try:
            with self._path.open("ab") as file:
                file.write(data)
        except OSError:
            with contextlib.suppress(OSError):
                os.truncate(self._path, before)
            raise

    def flush(self) -> None:
        """Nothing waits."""


class InBucket:
    """See `GrowingFile`: kept in memory, written anew every `every` seconds at most, and when asked."""

    def __init__(self, path: Path, every: float = EVERY):
        self._path, self._every, self._tried_at = path, every, -every
        self._waits, self._failed = False, ""
        try:
            self._content = bytearray(read(os.fspath(path)))
        except FileNotFoundError:
            self._content = bytearray()

    @property
    def size(self) -> int:
        """Bytes, of which some may not be written yet."""
        return len(self._content)

    def write(self, data: bytes) -> None:
        """Keep what is to be written."""
        self._content += data
        self._waits = True

    def append(self, data: bytes) -> None:
        """See `GrowingFile`."""
        self.write(data)
        self.flush_if_due()

    def flush_if_due(self) -> None:
        """Write, unless that was tried a short while ago. Raises OSError as long as it does not work."""
        if time.monotonic() - self._tried_at >= self._every:
            self.flush()
        elif self._failed:
            raise OSError(self._failed)

    def flush(self) -> None:
        """See `GrowingFile`."""
        if not self._waits:
            return
        try:
            write_whole(self._path, bytes(self._content))
            self._waits, self._failed = False, ""
        except OSError as error:
            self._failed = str(error)
            raise
        finally:
            self._tried_at = time.monotonic()
