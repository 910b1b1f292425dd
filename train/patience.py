"""Ends a run in which something takes far too long, and says what each host was doing.

JAX gives up where another host is gone. One whose disk hangs is not: it lives on, and the others would wait for it for
ever. `train.supervise` starts them all again.
"""

import contextlib
import faulthandler
import functools
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import jax

from hcfss_jax.runtime import hosts
from train.errors import TRY_AGAIN

Words = str | Callable[[], str]
"""What is done, or what says so when it is asked."""

_TOPIC = "what takes so long"
_ASIDE = 10.0  # seconds for what may hang itself: another host is asked, something is printed
_OURS = tuple(
    f"{folder}{os.sep}" for folder in (Path(__file__).parent, Path(hosts.__file__).parents[1])
)


class _Task:
    def __init__(self, words: Words, judged: bool):
        self.words, self.judged = words, judged


class Patience:
    """Of one process, within the `with` block; a thread of its own looks, as whoever waits cannot.

    A time in which the process itself was stopped does not count.
    """

    def __init__(self, minutes: float, end: Callable[[int], object] = os._exit):
        """minutes: that one thing may take; 0 for any time. end: how the process ends, with TRY_AGAIN."""
        self.minutes, self._end = minutes, end
        self._task = _Task("the start", judged=False)
        self._waits = threading.get_ident()
        self._over = threading.Event()

    def __enter__(self) -> "Patience":
        if self.minutes:
            threading.Thread(target=self._look, name="patience", daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()

    def at(self, words: Words, judged: bool = True) -> None:
        """This is done from here on, until the next call. judged: False where it may take any time, as compiling."""
        self._task = _Task(words, judged)

    @contextlib.contextmanager
    def during(self, words: Words) -> Iterator[None]:
        """`at` inside; behind it what was done before goes on."""
        before = self._task
        self.at(words)
        try:
            yield
        finally:
            self.at(before.words, before.judged)

    def _look(self) -> None:
        limit = 60 * self.minutes
        tick = min(1.0, limit / 20)
        task, waited, has_told = self._task, 0.0, False
        while not self._over.wait(tick):
            if self._task is not task:
                if has_told:
                    _aside(functools.partial(hosts.forget, _TOPIC))
                task, waited, has_told = self._task, 0.0, False
            waited += tick
            if waited > limit / 2 and not has_told:  # for those who will give up
                _aside(functools.partial(hosts.tell, _TOPIC, self._words(task)))
                has_told = True
            if waited > limit and task.judged:
                self._give_up(task)
                return

    def _give_up(self, task: _Task) -> None:
        of_hosts: dict[int, str] = {}
        _aside(lambda: of_hosts.update(hosts.told(_TOPIC)))
        of_hosts[jax.process_index()] = self._words(task)
        lines = [
            f"  host {host}: {of_hosts.get(host, 'tells nothing: is it stopped, or gone?')}"
            for host in range(jax.process_count())
        ]
        first = f"train.main: given up after {self.minutes:g} min (config.give_up_minutes)."
        _aside(lambda: print(first, "What took so long:", *lines, sep="\n", file=sys.stderr))
        _aside(faulthandler.dump_traceback)
        for child in multiprocessing.active_children():
            child.kill()
        self._end(TRY_AGAIN)

    def _words(self, task: _Task) -> str:
        words = task.words if isinstance(task.words, str) else task.words()
        return f"{words} ({_whereabouts(self._waits)})"


def _aside(do: Callable[[], object]) -> None:
    """Do it, and go on without it where it hangs as well, or fails."""

    def quietly() -> None:
        with contextlib.suppress(Exception):
            do()

    thread = threading.Thread(target=quietly, daemon=True)
    thread.start()
    thread.join(_ASIDE)


def _whereabouts(thread: int) -> str:
    """The innermost call of a thread, and the innermost one of ours. No file is read for it: the disk may hang."""
    frames: list[FrameType] = []
    frame = sys._current_frames().get(thread)
    while frame:
        frames.append(frame)
        frame = frame.f_back
    if not frames:
        return "its thread has ended"
    ours = [each for each in frames if each.f_code.co_filename.startswith(_OURS)]
    return ", from ".join(_named(each) for each in dict.fromkeys([frames[0], *ours[:1]]))


def _named(frame: FrameType) -> str:
    return f"{frame.f_code.co_name} in {Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
