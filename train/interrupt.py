"""Turn the signals that ask a program to stop into a question that a loop can ask, and into exit codes."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupt:
    """Within the `with` block, the first SIGTERM or SIGINT is noted, and said to be; a second one acts as usual.

    signal: the number of the one that was noted; SIGTERM where none was, as in hosts that stop for another's.
    """

    def __init__(self) -> None:
        self.signal: int = signal.SIGTERM
        self._asked = False
        self._before: dict[int, Any] = {}

    def __bool__(self) -> bool:
        return self._asked

    def __enter__(self) -> "Interrupt":
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        self._put_back()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._asked, self.signal = True, number
        # Past Python's own buffers, which whoever was interrupted may be writing to.
        with contextlib.suppress(OSError):
            os.write(2, b"\nstopping after this step, and saving; once more stops at once\n")
        self._put_back()

    def _put_back(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()


@contextlib.contextmanager
def exit_code_of_ctrl_c() -> Iterator[None]:
    """Ctrl-C inside ends the program with 130, as shells say it, and without a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
