"""Which file is made of which: the paths of a command line, as pairs of input and output."""

import dataclasses
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from hcfss_jax.errors import HcfError


class BadPaths(HcfError):
    """The paths of a command line do not say what is to be made of what."""


@dataclasses.dataclass(frozen=True)
class Job:
    """One file to make. problem: why it cannot be made, where that is known beforehand."""

    source: Path
    target: Path
    problem: str | None = None


@dataclasses.dataclass(frozen=True)
class Direction:
    """What a command takes and makes: suffixes (lower case, with the dot) and a noun."""

    takes: frozenset[str]
    makes: frozenset[str]
    default: str
    noun: str


def plan(paths: list[str], output: str | None, direction: Direction) -> list[Job]:
    """One job for each input, folders searched recursively, in the order given.

    The last of several paths is the output where it is a folder (or ends like one, or is new and
    without suffix) or has a suffix that the command makes; `output` says it outright. Without
    an output, files appear beside their inputs. Raises BadPaths.
    """
    if output is None and len(paths) > 1 and _is_output(paths[-1], direction):
        *paths, output = paths
    inputs = [(Path(p), found) for p in paths for found in _search(Path(p), direction)]
    if output is not None and not _is_folder(output):
        return [_single(inputs, paths, Path(output))]
    folder = None if output is None else Path(output)
    jobs = []
    for root, source in inputs:
        place = source
        if folder is not None:
            place = folder / (source.relative_to(root) if root != source else source.name)
        jobs.append(Job(source, place.with_suffix(direction.default)))
    return list(_without_collisions(jobs))


def _single(inputs: list[tuple[Path, Path]], paths: list[str], output: Path) -> Job:
    if len(inputs) != 1 or Path(paths[0]).is_dir():
        raise BadPaths(f"{output}: is one file, but there are several inputs: name a folder")
    source = inputs[0][1]
    if output.exists() and source.exists() and output.samefile(source):
        raise BadPaths(f"{output}: is the input itself: give the output another name")
    return Job(source, output)


def _is_output(path: str, direction: Direction) -> bool:
    return _is_folder(path) or Path(path).suffix.lower() in direction.makes


def _is_folder(path: str) -> bool:
    """Whether a path is a folder, or would be one if it were made."""
    separators = tuple(filter(None, (os.sep, os.altsep)))
    place = Path(path)
    return place.is_dir() or path.endswith(separators) or not (place.exists() or place.suffix)


def _search(path: Path, direction: Direction) -> Iterator[Path]:
    """The file itself, or every file of the right suffix in a folder, hidden ones aside."""
    if not path.is_dir():
        yield path
        return
    found = [
        file
        for file in sorted(path.rglob("*"))
        if file.suffix.lower() in direction.takes
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
        and file.is_file()
    ]
    if not found:
        raise BadPaths(f"{path}: holds no {direction.noun}: name another folder or a file")
    yield from found


def _without_collisions(jobs: Iterable[Job]) -> Iterator[Job]:
    """Where two inputs share an output, the second is a problem and not a loss."""
    taken: dict[Path, Path] = {}
    for job in jobs:
        if (first := taken.setdefault(job.target, job.source)) == job.source:
            yield job
        else:
            problem = f"would take the name of the output of {first}: do it alone, with -o"
            yield dataclasses.replace(job, problem=problem)
