"""TensorBoard's files, written record by record.

The writer that tensorboardX itself offers is a thread, which ends on a full disk and then blocks whoever hands it more.
"""

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto import event_pb2
from tensorboardX.record_writer import register_writer_factory
from tensorboardX.summary import image, scalar

from hcfss_jax.runtime.places import in_bucket, path_of
from train.growing_file import InBucket

_LARGE = 4 * 2**20  # bytes of a file that is written anew each time, before another is begun


class Board:
    """The records of a run in `folder`; those that an earlier start left from after step `start` do not count.

    After an error a call begins a file of its own, as what follows half a record cannot be read.
    """

    def __init__(self, folder: Path, start: int):
        self._folder, self._files = folder, 0
        self._writer: Any = None
        self._bucket = _Bucket()
        if in_bucket(folder):
            register_writer_factory("gs", self._bucket)
        self._first = event_pb2.Event(
            step=start,
            session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START),
        )

    def scalars(self, step: int, figures: Mapping[str, float]) -> None:
        """Record figures by name. Raises OSError."""
        self._write([event_pb2.Event(step=step, summary=scalar(*item)) for item in figures.items()])

    def picture(self, name: str, step: int, picture: np.ndarray) -> None:
        """Show uint8 `[H, W, 3]`. Raises OSError."""
        shown = image(name, picture, dataformats="HWC")
        self._write([event_pb2.Event(step=step, summary=shown)])

    def flush(self) -> None:
        """Until all that was recorded is written. Raises OSError."""
        if self._bucket.file:
            self._bucket.file.flush()

    def close(self) -> None:
        """What was recorded is written, as far as that works."""
        if self._writer:
            with contextlib.suppress(OSError):
                self._writer.close()
        self._writer = None

    def _write(self, events: list[Any]) -> None:
        try:
            if self._bucket.file and self._bucket.file.size > _LARGE:
                self.close()  # as far as it goes; what it holds may be missing where the bucket does not answer
            if not self._writer:
                self._open()
            for event in events:
                event.wall_time = time.time()
                self._writer.write_event(event)
            self._writer.flush()
        except OSError:
            if not self._bucket.file:  # which keeps what it could not write
                self.close()
            raise

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        # The name holds the second; a number tells those of one second apart.
        self._writer = EventsWriter(str(self._folder / "events"), f".{self._files}")
        self._files += 1
        if in_bucket(self._folder) and self._files > 1:
            return  # goes on from the file before
        self._first.wall_time = time.time()
        self._writer.write_event(self._first)


class _Bucket:
    """Where tensorboardX opens its files of a bucket, and what it does with them."""

    file: InBucket | None = None

    def open(self, path: str) -> "_Bucket":
        self.file = InBucket(path_of(path))
        return self

    def write(self, data: bytes) -> None:
        assert self.file
        self.file.write(data)

    def flush(self) -> None:
        assert self.file
        self.file.flush_if_due()

    def close(self) -> None:
        assert self.file
        self.file.flush()
