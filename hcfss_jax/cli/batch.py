"""Do many files one after the other: a bad one is told of and passed over."""

import contextlib
import dataclasses
import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from hcfss_jax.cli.jobs import Job, Plan
from hcfss_jax.cli.messages import complain, explain
from hcfss_jax.errors import HcfError
from hcfss_jax.pictures.picture_files import counted, printable
from hcfss_jax.runtime.whole_file import is_stream, write_whole

# bytes of the output, and a line about it for the user
Work = Callable[[Job], tuple[bytes, str]]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclasses.dataclass(frozen=True)
class Wishes:
    """What the user wants of outputs: to replace those that exist, to keep times, to hear of errors alone."""

    force: bool = False
    preserve: bool = False
    quiet: bool = False

    def note(self, message: str) -> None:
        """A line that is no error."""
        if not self.quiet:
            complain(message)

    def progress(self, todo: Sequence[Any], unit: str) -> Iterable[Any]:
        """A bar on terminals, where there is more than one thing to do."""
        silent = self.quiet or len(todo) < 2
        return tqdm(todo, unit=unit, leave=unit == "file", disable=True if silent else None)

    def tiles(self, todo: Sequence[Any]) -> Iterable[Any]:
        """The parts of a large picture."""
        return self.progress(todo, "tile")

    @contextlib.contextmanager
    def effort(self, level: int, tune: str | None) -> Iterator[dict[str, Any]]:
        """What a codec is told of effort, beside the rest, with a bar on terminals; nothing where there is none."""
        if not level:
            yield {}
            return
        with tqdm(unit="step", leave=False, disable=True if self.quiet else None) as bar:

            def watch(done: int, steps: int, gain: float) -> None:
                if done == 1:
                    bar.reset(steps)
                bar.set_postfix_str(f"{-gain:+.1%} bits", refresh=False)
                bar.update(done - bar.n)

            yield {"effort": level, "tune": tune, "watch": watch}


def run(plan: Plan, work: Work, wishes: Wishes) -> int:
    """Make every target that can be made; the exit code: 0, or 1 where one failed.

    Targets that were made of their sources before are kept unless forced, which is no failure: a batch that was broken
    off is finished by giving its command again. Several jobs, and folders, get a summary. A full disk ends the batch.
    """
    several = len(plan.jobs) > 1 or plan.searched
    tally = _Tally(len(plan.jobs))
    for job in wishes.progress(plan.jobs, "file"):
        try:
            line = _do(job, work, wishes, tally)
        except _DiskFull:
            break
        if line and not several:
            _tell(job, line, wishes)
    if several and not wishes.quiet:
        print(tally.summary(counted(plan.passed_over)))
    return int(tally.failed > 0)


class _DiskFull(Exception):
    pass


@dataclasses.dataclass
class _Tally:
    """How many files there are, and what became of them. made: which input became which file, by its number on disk."""

    jobs: int
    written: int = 0
    kept: int = 0
    failed: int = 0
    size_in: int = 0
    size_out: int = 0
    made: dict[tuple[int, int], str] = dataclasses.field(default_factory=dict)

    def enter(self, job: Job, data: bytes) -> None:
        self.written += 1
        self.size_out += len(data)
        if job.source is not None:
            self.size_in += job.source.stat().st_size
        if job.target is not None:
            self.made[_identity(job.target)] = job.origin

    def summary(self, passed_over: str) -> str:
        not_tried = self.jobs - self.written - self.kept - self.failed
        parts = [f"{self.written} written ({self.size_in:,} bytes -> {self.size_out:,} bytes)"]
        parts += [f"{self.kept} kept"] * (self.kept > 0) + [passed_over] * bool(passed_over)
        parts += [f"{self.failed} failed"] * (self.failed > 0)
        parts += [f"{not_tried} not tried"] * (not_tried > 0)
        return ", ".join(parts)


def _do(job: Job, work: Work, wishes: Wishes, tally: _Tally) -> str | None:
    """One job; a line about it if a file was written. Raises _DiskFull, after it was told of."""
    try:
        if job.problem:
            raise HcfError(job.problem)
        if kept := _kept(job, wishes, tally):
            tally.kept += 1
            wishes.note(kept)
            return None
        data, line = work(job)
    except Exception as error:
        tally.failed += 1
        complain(f"{job.origin}: {explain(error, job.source)}")
        return None
    try:
        _write(job, data, wishes)
    except OSError as error:
        tally.failed += 1
        if job.target is None and isinstance(error, BrokenPipeError):
            raise
        complain(f"{job.output}: cannot be written: {_reason(error, job)}")
        if error.errno in _FULL:
            raise _DiskFull from error
        return None
    tally.enter(job, data)
    return line


def _kept(job: Job, wishes: Wishes, tally: _Tally) -> str | None:
    """A line about an output that exists and is to stay, because it was made of its input; None where there is none.

    Raises HcfError for one that was not, and may be all that is left of another photo.
    """
    source, target = job.source, job.target
    if target is None or is_stream(target) or not target.exists():
        return None
    if target.is_dir():
        raise HcfError(f"{target} is a folder: give the output another name with -o")
    if first := tally.made.get(_identity(target)):
        raise HcfError(f"would become {target}, as {first} just did: do it alone, with its own -o")
    if job.named or source is None:
        if wishes.force:
            return None
        raise HcfError(f"{target} exists: --force replaces it")
    made, wanted = target.stat().st_mtime_ns, source.stat().st_mtime_ns
    # With --preserve, what was made of a file is as old as the file, and so may be what the file was made of.
    original = made <= wanted and job.beside and target.suffix.lower() != ".hcf"
    if wishes.force and not original:
        return None
    remedy = "name the output with -o" if original else "--force replaces it"
    if not (made < wanted or (made == wanted and not wishes.preserve)):
        if job.searched and not wishes.force:
            return f"{target}: exists and was kept: --force replaces it"
        raise HcfError(f"{target} exists, and may be of another file: {remedy}")
    raise HcfError(
        f"{target} exists and is older than {source}, so it was made of something else: {remedy}"
    )


def _write(job: Job, data: bytes, wishes: Wishes) -> None:
    if job.target is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    write_whole(job.target, data)
    if wishes.preserve and job.source is not None and not is_stream(job.target):
        times = job.source.stat()
        os.utime(job.target, ns=(times.st_atime_ns, times.st_mtime_ns))


def _tell(job: Job, line: str, wishes: Wishes) -> None:
    if job.target is None or is_stream(job.target):
        wishes.note(f"{job.output}: {line}")  # standard output may be where the picture went
    elif not wishes.quiet:
        print(printable(f"{job.output}: {line}"))


def _reason(error: OSError, job: Job) -> str:
    """Without the name of a partial file, of which the user knows nothing."""
    if str(error.filename).endswith(".partial"):
        return explain(error, error.filename)
    return explain(error, job.target)


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino
