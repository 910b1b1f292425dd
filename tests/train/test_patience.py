"""What hangs is ended in time, and named: by a process alone, and by the hosts of a run of each other."""

import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.train.processes import ended, finish, lines, start
from train.errors import TRY_AGAIN
from train.patience import Patience

_LIMIT = 0.3 / 60  # minutes
_GAVE_UP = f"given up after {_LIMIT:g} min (config.give_up_minutes)"


@pytest.fixture
def ends() -> Iterator[list[int]]:
    """The codes with which the process would have ended."""
    yield []


def test_what_takes_too_long_is_named_with_where_it_waits(ends: list[int], capfd) -> None:
    with Patience(_LIMIT, ends.append) as patience, patience.during(lambda: "reading the disk"):
        _wait_for_the_disk(ends)
    assert ends == [TRY_AGAIN]
    told = capfd.readouterr().err
    assert _GAVE_UP in told and "host 0: reading the disk (_wait_for_the_disk in test_pat" in told
    assert "most recent call first" in told  # and what all other threads do


def test_what_goes_on_may_take_any_time(ends: list[int]) -> None:
    with Patience(_LIMIT, ends.append) as patience:
        time.sleep(0.6)  # the start is not judged
        for step in range(20):
            patience.at(f"step {step}")
            time.sleep(0.05)
        patience.at("what compiles", judged=False)
        time.sleep(0.6)
        with patience.during("what is short"):
            pass
        time.sleep(0.6)  # what is not judged goes on behind it
    time.sleep(0.6)  # nobody looks any more
    with Patience(0, ends.append) as patience:
        patience.at("what nobody looks at")
        time.sleep(0.6)
    assert not ends


def test_it_ends_where_what_it_would_tell_hangs_too(
    ends: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    never = threading.Event()
    monkeypatch.setattr("train.patience._ASIDE", 0.05)
    monkeypatch.setattr("train.patience.hosts.tell", lambda *values: never.wait(30))
    monkeypatch.setattr("train.patience.hosts.told", lambda *values: never.wait(30))
    with Patience(_LIMIT, ends.append) as patience:
        patience.at("a step")
        _wait_for_the_disk(ends)
    never.set()
    assert ends == [TRY_AGAIN]


# A host whose disk does not answer when a checkpoint is to be written, or is full.
_BROKEN = """
import runpy, time
import orbax.checkpoint as ocp
from train.checkpoints import Checkpoints

arrive, failed = Checkpoints._meet_others, []

def at_once(*values, **named):
    time.sleep(600)

def in_background(self, *, key, timeout_ms):
    if "write_complete" in key:
        time.sleep(600)
    arrive(self, key=key, timeout_ms=timeout_ms)

def fails_once(self, *, key, timeout_ms):
    if "write_complete" in key and not failed:
        failed.append(key)
        raise OSError("no room")
    arrive(self, key=key, timeout_ms=timeout_ms)

{patch}
runpy.run_module("train.main", run_name="__main__", alter_sys=True)
"""
_FLAGS = ("--config.steps=5000", "--config.batch_size=4", "--config.give_up_minutes=0.15")


@pytest.mark.parametrize(
    ("patch", "waits", "hangs"),
    [
        (
            "ocp.CheckpointManager.save = at_once",
            r"writing the checkpoint of step \d+ in .*, from save in checkpoints.py",
            r"writing the checkpoint of step \d+ in .* \(at_once in <string>:9, from save in check",
        ),
        (
            "Checkpoints._meet_others = in_background",
            r"waiting for other hosts to write the checkpoint of step \d+ in .*checkpoints \(",
            r"writing the checkpoint of step \d+ in .*, from wait in checkpoints.py",
        ),
    ],
    ids=["at once", "in the background"],
)
def test_a_host_whose_disk_hangs_is_told_from_those_that_wait_for_it(
    patch: str, waits: str, hangs: str, photo_dir: Path, tmp_path: Path
) -> None:
    flags = (*_FLAGS, "--config.checkpoint_minutes=0.002")
    broken = ("-c", _BROKEN.format(patch=patch))
    processes = start(tmp_path, photo_dir, *flags, hosts=2, last_is=broken)
    codes = ended(processes, within=120)
    logs = [(tmp_path / f"host{host}.log").read_text() for host in range(2)]
    assert codes[0] == TRY_AGAIN and codes[1] in (TRY_AGAIN, -signal.SIGABRT), logs[0][-3000:]
    # Whoever gives up first tells of both, and the other may see no more than that it is gone.
    _, _, told = "".join(logs).partition("given up after 0.15 min")
    _assert_lines(told, f"  host 0: {waits}")
    _assert_lines(told, f"  host 1: {hangs}")


def test_a_host_that_cannot_write_is_told_of_at_once_and_the_run_goes_on(
    photo_dir: Path, tmp_path: Path
) -> None:
    flags = ("--config.steps=30", "--config.batch_size=4", "--config.checkpoint_minutes=0.01")
    broken = ("-c", _BROKEN.format(patch="Checkpoints._meet_others = fails_once"))
    began = time.monotonic()
    finish(start(tmp_path, photo_dir, *flags, hosts=2, last_is=broken), tmp_path)
    assert time.monotonic() - began < 120
    told = (tmp_path / "host0.log").read_text()
    assert told.count("warning: a checkpoint could not be written") == 1, told[-3000:]
    assert "(host 1 could not write)" in told
    assert (tmp_path / "checkpoints" / "30").is_dir()


def test_a_host_that_was_stopped_is_named(photo_dir: Path, tmp_path: Path) -> None:
    processes = start(tmp_path, photo_dir, *_FLAGS, hosts=2)
    try:
        end = time.monotonic() + 120
        while len(lines(tmp_path)) < 10:
            assert time.monotonic() < end and processes[0].poll() is None
            time.sleep(0.05)
        processes[1].send_signal(signal.SIGSTOP)
        code = processes[0].wait(60)
    finally:
        for process in processes:
            process.kill()
    told = (tmp_path / "host0.log").read_text()
    assert code == TRY_AGAIN, told[-3000:]
    _assert_lines(told, r"  host 0: step \d+ \(.*loop.py")
    _assert_lines(told, "  host 1: tells nothing: is it stopped, or gone")


def _assert_lines(text: str, pattern: str) -> None:
    assert any(re.match(pattern, line) for line in text.splitlines()), (pattern, text[-3000:])


def _wait_for_the_disk(ends: list[int]) -> None:
    """Until somebody has had enough."""
    end = time.monotonic() + 30
    while not ends and time.monotonic() < end:
        time.sleep(0.01)
