"""What is started again, and what is not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from train import supervise
from train.errors import TRY_AGAIN

# Ends with the next of the codes that a file holds, and counts its starts there; a negative one is a signal to itself.
_PROGRAM = """
import os, pathlib, sys
path = pathlib.Path(sys.argv[1])
code, *rest = path.read_text().split()
path.write_text(" ".join(rest))
if int(code) < 0:
    os.kill(os.getpid(), -int(code))
sys.exit(int(code))
"""


def _supervised(folder: Path, codes: list[int], *options: str) -> tuple[int, list[int]]:
    """(the exit code, codes that were left)."""
    file = folder / "codes"
    file.write_text(" ".join(map(str, codes)))
    command = ["--", sys.executable, "-c", _PROGRAM, str(file)]
    code = supervise.main(["--pause", "0.01", *options, *command])
    return code, [int(word) for word in file.read_text().split()]


@pytest.mark.parametrize("failure", [TRY_AGAIN, 134, 143, 137, -signal.SIGKILL, -signal.SIGABRT])
def test_what_the_machine_did_is_tried_again(tmp_path: Path, failure: int) -> None:
    assert _supervised(tmp_path, [failure, failure, 0, 7]) == (0, [7])


@pytest.mark.parametrize("code", [0, *supervise.AT_FAULT])
def test_what_would_happen_again_is_not(tmp_path: Path, code: int) -> None:
    assert _supervised(tmp_path, [code, 7]) == (code, [7])


def test_it_gives_up_after_so_many_in_a_row(tmp_path: Path, capsys) -> None:
    assert _supervised(tmp_path, [134] * 5, "--most", "2") == (134, [134, 134])
    assert "given up" in capsys.readouterr().err


def test_a_run_that_lived_counts_as_new(tmp_path: Path) -> None:
    assert _supervised(tmp_path, [134] * 5 + [0], "--most", "1", "--well", "0") == (0, [])


def test_sigterm_goes_on_to_the_command_and_ends_both(tmp_path: Path) -> None:
    saves = (
        "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(143)); "
        "print('up', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-m", "train.supervise", "--", sys.executable, "-c", saves]
    began = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as process:
        assert process.stdout and process.stdout.readline() == b"up\n"
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=30) == 143
    assert time.monotonic() - began < 30
