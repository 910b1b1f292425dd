"""Which file is made of which: the paths of a command line, as pairs of input and output."""

import dataclasses
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hcfss_jax.cli.messages import explain
from hcfss_jax.errors import HcfError
from hcfss_jax.pictures.picture_files import Judge, counted, search
from hcfss_jax.runtime.whole_file import is_stream

STANDARD = "-"
"""What stands for standard input among inputs and for standard output as the output."""


class BadPaths(HcfError):
    """The paths of a command line do not say what is to be made of what."""


@dataclasses.dataclass(frozen=True)
class Job:
    """One file to make.

    source: None for standard input. target: None for standard output. named: whether the user gave this very output.
    beside: whether it lies where the input lies because the user gave none. searched: whether the input was found in a
    folder. problem: why it cannot be made, where that is known beforehand.
    """

    source: Path | None
    target: Path | None
    named: bool = False
    beside: bool = False
    searched: bool = False
    problem: str | None = None

    @property
    def origin(self) -> str:
        """What a user calls the input."""
        return "standard input" if self.source is None else str(self.source)

    @property
    def output(self) -> str:
        """What a user calls the output."""
        return "standard output" if self.target is None else str(self.target)


@dataclasses.dataclass(frozen=True)
class Direction:
    """What a command takes and makes.

    takes: says of a file in a folder whether it is one. endings: what names of inputs usually end in. makes: what names
    of outputs may end in, lower case, with the dot. default: what they end in where the user does not say. noun: of an
    input.
    """

    takes: Judge
    endings: frozenset[str]
    makes: Sequence[str]
    default: str
    noun: str


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be done: jobs in the order given.

    passed_over: files in folders that are no inputs, by kind. searched: whether there were folders.
    """

    jobs: list[Job]
    passed_over: Counter[str]
    searched: bool


def plan(
    paths: list[str], output: str | None, direction: Direction, recursive: bool = True
) -> Plan:
    """One job for each input, those of folders in the order of their names.

    The last of several paths is the output where it is a folder (or ends like one, or is new and without suffix), has a
    suffix that the command makes, or is a device, a pipe or "-"; `output` says it outright. Without an output, files
    appear beside their inputs, and what comes out of a pipe goes into one. Raises BadPaths.
    """
    if output is None and len(paths) > 1 and _is_output(paths[-1], direction):
        *paths, output = paths
        _check_no_input_within(output, direction)
    inputs = _Inputs(paths, direction, recursive)
    if output is not None and not _is_folder(output):
        jobs = [_single(inputs, output, direction)]
    else:
        folder = None if output is None else Path(output)
        jobs = [*inputs.jobs(folder, direction.default), *inputs.failed]
    return Plan(list(_without_collisions(jobs)), inputs.passed_over, inputs.searched)


class _Inputs:
    """What the paths of a command line stand for.

    found: (folder, file) of a file in a folder, (None, file) of a file that was named, None for standard input.
    """

    def __init__(self, paths: list[str], direction: Direction, recursive: bool):
        self.found: list[tuple[Path | None, Path | None]] = []
        self.failed: list[Job] = []
        self.passed_over: Counter[str] = Counter()
        self.searched = False
        if paths.count(STANDARD) > 1:
            raise BadPaths("standard input (-) can be read once")
        for path in paths:
            if path != STANDARD and os.path.isdir(path):
                self._search(Path(path), direction, recursive)
            else:
                self.found.append((None, None if path == STANDARD else Path(path)))
        self._endings = direction.endings

    def jobs(self, folder: Path | None, ending: str) -> Iterator[Job]:
        """A job for each, its output in `folder`, where there is one, or beside it."""
        seen = set()
        for root, source in self.found:
            if source is None or (folder is None and is_stream(source)):
                if folder is not None:
                    raise BadPaths(
                        f"{folder}: what standard input becomes needs the name of a file"
                    )
                yield Job(source, None, named=True)
                continue
            if (place := os.path.abspath(source)) in seen:
                continue  # the same file, given twice
            seen.add(place)
            name = source.name
            if source.suffix.lower() in self._endings:
                name = source.stem
            name += ending
            if folder is None:
                yield Job(source, source.with_name(name), beside=True, searched=bool(root))
            else:
                deeper = source.parent.relative_to(root) if root else ""
                yield Job(source, folder / deeper / name, searched=bool(root))

    def _search(self, folder: Path, direction: Direction, recursive: bool) -> None:
        self.searched = True
        found = search(folder, direction.takes, recursive)
        # Nobody wonders what became of what the command itself makes.
        made = {kind for kind in found.passed_over if kind in direction.makes}
        passed_over = Counter({k: n for k, n in found.passed_over.items() if k not in made})
        if not found.sizes and not found.failed:
            told = f" ({counted(passed_over)})" if passed_over else ""
            raise BadPaths(
                f"{folder}: holds no {direction.noun}{told}: name another folder or a file"
            )
        self.found += [(folder, folder / name) for name in found.sizes]
        for name, error in found.failed.items():
            self.failed.append(Job(folder / name, None, problem=explain(error, folder / name)))
        self.passed_over += passed_over


def _single(inputs: _Inputs, output: str, direction: Direction) -> Job:
    if len(inputs.found) != 1 or inputs.searched:
        told = "standard output" if output == STANDARD else output
        raise BadPaths(f"{told}: is one file, but there are several inputs: name a folder")
    source = inputs.found[0][1]
    if output == STANDARD:
        return Job(source, None, named=True)
    target = Path(output)
    if is_stream(target):
        return Job(source, target, named=True)
    if source and target.exists() and source.exists() and target.samefile(source):
        raise BadPaths(f"{output}: is the input itself: give the output another name")
    _check_ending(output, direction)
    return Job(source, target, named=True)


def _check_no_input_within(output: str, direction: Direction) -> None:
    """Raise BadPaths for a last path that may be meant as an input, too, such as a folder of photos at a glob's end."""
    for folder, _, names in os.walk(output):
        for name in names:
            if not name.startswith(".") and Path(name).suffix.lower() in direction.endings:
                raise BadPaths(
                    f"{output}: would be the output, but holds {os.path.join(folder, name)}: "
                    f"say -o {output} if it is, or name an output"
                )


def _check_ending(output: str, direction: Direction) -> None:
    if Path(output).suffix.lower() not in direction.makes:
        raise BadPaths(
            f"{output}: an output ends in {', '.join(direction.makes)}; a folder that is new, in /"
        )


def _is_output(path: str, direction: Direction) -> bool:
    if path == STANDARD or _is_folder(path) or is_stream(Path(path)):
        return True
    suffix = Path(path).suffix.lower()
    if suffix in direction.makes:
        return True
    if suffix in direction.endings or Path(path).exists():
        return False
    _check_ending(path, direction)  # neither an output nor there: a slip of the pen
    return True


def _is_folder(path: str) -> bool:
    """Whether a path is a folder, or would be one if it were made."""
    if path == STANDARD:
        return False
    separators = tuple(filter(None, (os.sep, os.altsep)))
    place = Path(path)
    return (
        place.is_dir() or path.endswith(separators) or not (os.path.lexists(path) or place.suffix)
    )


def _without_collisions(jobs: Iterable[Job]) -> Iterator[Job]:
    """Where inputs share an output, or one of them is an output, that is a problem of each and not a loss."""
    jobs = list(jobs)
    takers: dict[str, list[Job]] = {}
    for job in jobs:
        if job.target is not None and not is_stream(job.target):
            takers.setdefault(_place(job.target), []).append(job)
    sources = {_place(job.source): job for job in jobs if job.source is not None}
    for job in jobs:
        place = _place(job.target) if job.target is not None else ""
        others = [str(other.source) for other in takers.get(place, ()) if other is not job]
        if others:
            problem = (
                f"would become {job.target}, and so would {', '.join(others)}: nothing was written; "
                "do them one by one, each with its own -o"
            )
            job = dataclasses.replace(job, problem=problem)
        elif place in sources:
            problem = (
                f"would become {job.target}, which is an input: give the output a name with -o"
            )
            job = dataclasses.replace(job, problem=problem)
        yield job


def _place(path: Path) -> str:
    """The same for all names of one file."""
    return os.path.normcase(os.path.realpath(path))
