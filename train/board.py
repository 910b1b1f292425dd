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
from tensorboardX.summary import image, scalar


class Board:
    """The records of a run in `folder`; those that an earlier start left from after step `start` do not count.

    After an error a call begins a file of its own, as what follows half a record cannot be read.
    """

    def __init__(self, folder: Path, start: int):
        self._folder, self._files = folder, 0
        self._writer: Any = None
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

    def close(self) -> None:
        """All is written already."""
        if self._writer:
            with contextlib.suppress(OSError):
                self._writer.close()
        self._writer = None

    def _write(self, events: list[Any]) -> None:
        try:
            if not self._writer:
                self._open()
            for event in events:
                event.wall_time = time.time()
                self._writer.write_event(event)
            self._writer.flush()
        except OSError:
            self.close()
            raise

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        # The name holds the second; a number tells those of one second apart.
        self._writer = EventsWriter(str(self._folder / "events"), f".{self._files}")
        self._files += 1
        self._first.wall_time = time.time()
        self._writer.write_event(self._first)
