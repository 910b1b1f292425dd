"""What every thread is doing, printed where a step takes much longer than those before it.

A pod that hangs says nothing by itself: here each of its hosts shows whether it waits for data, for a disk, for the
devices, or for another host. The run is not ended: a slow disk may come back.
"""

import contextlib
import faulthandler
import statistics
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import TextIO

_KEPT = 100  # steps whose median counts
_FEWEST = 10  # steps, before any is judged: the first ones compile
_TIMES = 10  # as long as the median
_LEAST = 60.0  # seconds; shorter ones are no news


class Watchdog:
    """Of the steps of one process."""

    def __init__(self, least: float = _LEAST, file: TextIO | None = None):
        """least: seconds that a step may take in any case. file: where stacks go, by default standard error."""
        self._least, self._file = least, file or sys.__stderr__
        self._seconds: deque[float] = deque(maxlen=_KEPT)

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """Around a step. The stacks are printed while it lasts, by a thread that waits for nobody."""
        limit = self._limit()
        if limit and self._file:
            faulthandler.dump_traceback_later(limit, file=self._file)
        began = time.monotonic()
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
        seconds = time.monotonic() - began
        self._seconds.append(seconds)
        if limit and seconds > limit:
            print(
                f"a step took {seconds:.0f} s, more than {_TIMES} times the usual: what all threads did then stands on "
                "standard error",
                flush=True,
            )

    def _limit(self) -> float | None:
        if len(self._seconds) < _FEWEST:
            return None
        return max(self._least, _TIMES * statistics.median(self._seconds))
