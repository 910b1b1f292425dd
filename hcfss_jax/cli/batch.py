"""Do many files one after the other: a bad one is told of and passed over."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from hcfss_jax.cli.jobs import Job
from hcfss_jax.errors import HcfError
from hcfss_jax.whole_file import write_whole

# bytes of the output, and a line about it for the user
Work = Callable[[Job], tuple[bytes, str]]


def run(jobs: list[Job], work: Work, force: bool) -> int:
    """Make every target that can be made; the exit code: 0, or 1 where one failed.

    Existing targets are kept unless `force`, which is no failure: a batch that was broken off is
    finished by giving its command again. Several jobs get a progress bar and a summary.
    """
    several = len(jobs) > 1
    written = kept = failed = size_in = size_out = 0
    for job in _progress(jobs, several):
        if not force and job.target.exists():
            kept += 1
            complain(f"{job.target}: exists and was kept: --force replaces it")
            continue
        try:
            if job.problem:
                raise HcfError(job.problem)
            data, line = work(job)
            write_whole(job.target, data)
        except Exception as error:
            failed += 1
            complain(f"{job.source}: {explain(error, job.source)}")
            continue
        written += 1
        size_in += job.source.stat().st_size
        size_out += len(data)
        if not several:
            print(f"{job.target}: {line}")
    if several:
        parts = [f"{written} written ({size_in:,} bytes -> {size_out:,} bytes)"]
        parts += [
            f"{count} {what}" for count, what in ((kept, "kept"), (failed, "failed")) if count
        ]
        print(", ".join(parts))
    return int(failed > 0)


def tiles(todo: Sequence[Any]) -> Iterable[Any]:
    """The parts of a large picture, with a bar where there are several."""
    return tqdm(todo, unit="tile", leave=False, disable=None if len(todo) > 1 else True)


def complain(message: str) -> None:
    """One line on standard error, clear of a progress bar."""
    tqdm.write(f"hcfss: {' '.join(message.split())}", file=sys.stderr)


def explain(error: Exception, about: str | Path | None = None) -> str:
    """What went wrong and what to do, in one line for someone who does not know the code.

    about: the file that the line already names.
    """
    if os.environ.get("HCFSS_TRACEBACK"):
        raise error
    if isinstance(error, HcfError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        elsewhere = error.filename and str(error.filename) != str(about)
        where = f" ({error.filename})" if elsewhere else ""
        return f"{error.strerror.lower()}{where}"
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return "out of memory: try a smaller image or a smaller model"
    return f"{type(error).__name__}: {error} (HCFSS_TRACEBACK=1 shows where)"


def _progress(jobs: list[Job], several: bool) -> Iterable[Job]:
    # None: tqdm shows its bar on terminals only.
    return tqdm(jobs, unit="file", disable=None if several else True)
