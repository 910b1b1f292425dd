"""Starts a command again where its machine or another host failed it, and not where it is at fault itself.

    python -m train.supervise -- python -m train.main --config configs/NAME.py:base --workdir DIR ...

On every host of a run. A trainer that has come to its end ends with 0, one that cannot work with 1 and the reason, and
one that the user stopped with 130: these end the supervisor in the same way. 134 (JAX gives up where another host is
gone), 75 (a bucket, a disk or another host does not answer), 143 (SIGTERM: the machine is taken away), 137 and the like
(killed, out of memory) start it again, after a pause that doubles while nothing is gained: a run that lived for --well
seconds counts as new.
After --most failures in a row it ends with the last exit code. SIGTERM to the supervisor goes on to the command, which
saves, and ends both.
"""

import argparse
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from types import FrameType

AT_FAULT = (1, 2, 130)
"""How a program ends that would do the same again: an error that it names, a wrong flag, Ctrl-C."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command until it is done; its exit code."""
    args = _parser().parse_args(argv)
    failures = 0
    while True:
        began = time.monotonic()
        code, told_to_stop = _run(args.command)
        if code == 0 or code in AT_FAULT or told_to_stop:
            return code
        failures = 1 if time.monotonic() - began >= args.well else failures + 1
        if failures > args.most:
            _say(f"ended with {code}, the {failures}th time in a row: given up")
            return code
        pause = min(args.pause * 2 ** (failures - 1), args.longest)
        _say(f"ended with {code}; again in {pause:g} s, {failures} of {args.most}")
        time.sleep(pause)


def _run(command: Sequence[str]) -> tuple[int, bool]:
    """(its exit code as shells say it, whether this process was asked to stop)."""
    with subprocess.Popen(command) as process, _passing_on(process) as asked:
        code = process.wait()
    return 128 - code if code < 0 else code, bool(asked)


@contextlib.contextmanager
def _passing_on(process: subprocess.Popen[bytes]) -> Iterator[list[int]]:
    """Signals that ask to stop go to the command; the list holds those that came."""
    asked: list[int] = []

    def tell(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)

    before = {number: signal.signal(number, tell) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(line: str) -> None:
    print(f"train.supervise: {line}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=int, default=10, help="failures in a row; default: 10")
    parser.add_argument("--pause", type=float, default=10, help="seconds at first; default: 10")
    parser.add_argument("--longest", type=float, default=600, help="pause, seconds; default: 600")
    parser.add_argument("--well", type=float, default=900, help="seconds; default: 900")
    parser.add_argument("command", nargs="+", help="behind --")
    return parser


if __name__ == "__main__":
    sys.exit(main())
