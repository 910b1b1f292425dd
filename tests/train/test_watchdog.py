"""Stacks are printed of a step that hangs, and of no other."""

import time
from pathlib import Path

from train.watchdog import Watchdog


def test_a_step_that_takes_long_shows_what_it_waits_for(tmp_path: Path, capsys) -> None:
    with (tmp_path / "stacks").open("w+") as file:
        watchdog = Watchdog(least=0.3, file=file)
        for _ in range(12):
            with watchdog.step():
                pass
        assert not (tmp_path / "stacks").read_text()
        with watchdog.step():
            _wait_for_the_disk()
        assert "_wait_for_the_disk" in (tmp_path / "stacks").read_text()
    assert "more than 10 times the usual" in capsys.readouterr().out


def test_the_first_steps_compile_and_are_not_judged(tmp_path: Path, capsys) -> None:
    with (tmp_path / "stacks").open("w+") as file:
        watchdog = Watchdog(least=0.01, file=file)
        with watchdog.step():
            time.sleep(0.1)
    assert not (tmp_path / "stacks").read_text() and not capsys.readouterr().out


def _wait_for_the_disk() -> None:
    time.sleep(1)
