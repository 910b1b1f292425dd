"""Images by their number: from a directory, a tar file, ArrayRecord shards, or wherever the user's own code has them.

Every kind of ours is sorted by name, so all hosts of a run see the same order, holds no open file that
threads would share, and can be pickled into worker processes. What is an image is decided by
`hcfss_jax.picture_files`, as for the command line.
"""

import functools
import hashlib
import os
import posixpath
import tarfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from ml_collections import ConfigDict

from hcfss_jax.errors import UnreachablePlace
from hcfss_jax.pictures.picture_files import (
    HEAD,
    Found,
    counted,
    passed_over_as,
    printable,
    search,
)
from hcfss_jax.runtime.places import check_bucket, in_bucket, objects_under, path_of, read
from train.errors import NoImages
from train.named import choose
from train.shards import ArrayRecords, find_shards


class Source(Protocol):
    """Random access to images: encoded ones as bytes, or arrays, uint8 `[H, W, 3]`. Worker processes get it pickled.

    digest: a short hash of the sorted names and sizes, which tells when the data of a run that
    goes on have changed. passed_over: how many files were not taken, by kind.
    A source that knows what is said of its images has besides `caption(index)`, a text, empty where nothing is.
    """

    digest: str
    passed_over: Mapping[str, int]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> bytes | np.ndarray: ...

    def name(self, index: int) -> str:
        """What a user calls this image."""


def build_source(config: ConfigDict) -> Source:
    """What `config.data.source` names, "files" or a function of the experiment. Raises BadConfig, NoImages."""
    source = choose("data.source", config.data.source, SOURCES)(config)
    if not len(source):
        raise NoImages(f"config.data.source={config.data.source!r} holds no image")
    return source


def open_source(path: str | os.PathLike[str]) -> Source:
    """The images at `path`: a directory, an uncompressed tar, or ArrayRecord (`train.shards`).

    Hidden files and those that are no images are passed over and counted; nothing is decoded.
    Raises NoImages.
    """
    try:
        check_bucket(path)
        source = _open(path_of(path))
    except OSError as error:
        raise NoImages(f"{path} cannot be read: {error}") from error
    if not len(source):
        told = counted(source.passed_over)
        raise NoImages(f"{path} holds no image" + f": {told}" * bool(told))
    return source


def _open(path: Path) -> Source:
    if shards := find_shards(path):
        return ArrayRecords(shards)
    if path.is_dir():
        return Directory(path)
    if path.is_file():
        return Tar(path)
    raise NoImages(
        f"there is nothing at {str(path)!r}: give a tar, a directory or ArrayRecord shards"
    )


class Directory:
    """The image files under a directory, at any depth. Links to directories are not followed."""

    def __init__(self, root: Path):
        self._root = os.path.join(root, "")
        found = _search_bucket(self._root) if in_bucket(root) else search(root)
        self._names = list(found.sizes)
        self.passed_over: Mapping[str, int] = found.passed_over
        if found.failed:
            self.passed_over = {**found.passed_over, "that cannot be read": len(found.failed)}
        self.digest = _digest(found.sizes.items())

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> bytes:
        return read(self._root + self._names[index])

    def name(self, index: int) -> str:
        """The path from the directory on."""
        return printable(self._names[index])

    def caption(self, index: int) -> str:
        """What the file NAME.txt beside the image says of it; empty where there is none."""
        text = os.path.splitext(self._root + self._names[index])[0] + ".txt"
        try:
            told = read(text).decode("utf-8", errors="replace")
        except UnreachablePlace:
            raise
        except OSError:
            return ""
        return told.replace("\r\n", "\n").replace("\r", "\n")


def _search_bucket(root: str) -> Found:
    """As `search`, of the objects of a bucket whose names begin with `root`."""
    sizes: dict[str, int] = {}
    passed_over: Counter[str] = Counter()
    for name, size in objects_under(root).items():
        head = functools.partial(read, root + name, 0, min(HEAD, size))
        hidden = any(part.startswith(".") for part in name.split("/"))
        kind = "hidden" if hidden else passed_over_as(posixpath.basename(name), head)
        if kind is None:
            sizes[name] = size
        else:
            passed_over[kind] += 1
    return Found(sizes, passed_over, {})


class Tar:
    """The images of an uncompressed tar, each a range of its bytes. Links to other members are followed."""

    def __init__(self, path: Path):
        """Reads the headers once. Raises NoImages for a compressed tar and for none at all."""
        self._path = path
        ranges: dict[str, tuple[int, int]] = {}
        passed_over: Counter[str] = Counter()
        with path.open("rb") as file:
            for name, member in _files(path, file):
                kind = _passed_over_as(name, member, file)
                if kind is None and member is not None:
                    ranges[name] = member.offset_data, member.size
                elif kind is not None:
                    passed_over[kind] += 1
        self.passed_over: Mapping[str, int] = passed_over
        self._names = sorted(ranges)
        self._ranges = np.array([ranges[name] for name in self._names], np.int64).reshape(-1, 2)
        self.digest = _digest((name, ranges[name][1]) for name in self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> bytes:
        offset, size = map(int, self._ranges[index])
        return read(str(self._path), offset, size)

    def name(self, index: int) -> str:
        """The member's path."""
        return printable(self._names[index])


class Subset:
    """Some images of another source, in the order of `indices`."""

    def __init__(self, source: Source, indices: Sequence[int] | np.ndarray):
        self._source, self._indices = source, np.asarray(indices, np.int64)
        chosen = hashlib.sha256(source.digest.encode() + self._indices.tobytes())
        self.digest = chosen.hexdigest()[:16]
        self.passed_over = source.passed_over

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> bytes | np.ndarray:
        return self._source[int(self._indices[index])]

    def name(self, index: int) -> str:
        """As the other source has it."""
        return self._source.name(int(self._indices[index]))

    def caption(self, index: int) -> str:
        """See `caption_of`."""
        return caption_of(self._source, int(self._indices[index]))


def caption_of(source: Source, index: int) -> str:
    """What a source knows that is said of an image; empty where nothing is."""
    caption = getattr(source, "caption", None)
    return caption(index) if caption else ""


def split(source: Source, held_out: int) -> tuple[Subset, Subset]:
    """(training, held out). Raises NoImages where too few are left to train on.

    The held-out ones are spread evenly over the names, which come grouped by origin.
    """
    if len(source) <= held_out:
        raise NoImages(
            f"{len(source)} images leave none to train on when {held_out} are held out: "
            "give more images or lower data.held_out"
        )
    chosen = spread(len(source), held_out)
    return Subset(source, np.delete(np.arange(len(source)), chosen)), Subset(source, chosen)


def spread(count: int, chosen: int) -> np.ndarray:
    """`chosen` of the indices 0..count-1, evenly spread, each the middle of its share."""
    return (2 * np.arange(chosen) + 1) * count // (2 * max(chosen, 1))


def _files(path: Path, file: BinaryIO) -> list[tuple[str, tarfile.TarInfo | None]]:
    """(name, where its bytes lie) of all in an uncompressed tar but folders; None for a link that leads nowhere.

    A name that is there twice counts once, by its last: so an archive is updated. Raises NoImages.
    """
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            members = {member.name: member for member in archive if not member.isdir()}
    except tarfile.ReadError as error:
        raise NoImages(_why_no_tar(path, file)) from error
    known = {posixpath.normpath(name): member for name, member in members.items()}
    return [(name, _followed(member, known)) for name, member in members.items()]


def _followed(
    member: tarfile.TarInfo, known: Mapping[str, tarfile.TarInfo]
) -> tarfile.TarInfo | None:
    """Where a link leads: a hard one names a member, a symbolic one a path from its own folder."""
    seen: Counter[str] = Counter()
    found: tarfile.TarInfo | None = member
    while found is not None and (found.islnk() or found.issym()):
        seen[found.name] += 1
        if seen[found.name] > 1:
            return None
        target = found.linkname
        if found.issym():
            target = posixpath.join(posixpath.dirname(found.name), target)
        found = known.get(posixpath.normpath(target))
    return found


def _passed_over_as(name: str, member: tarfile.TarInfo | None, file: BinaryIO) -> str | None:
    """None for an image; else how it is counted."""
    if any(part.startswith(".") for part in name.split("/") if part not in (".", "..")):
        return "hidden"
    if member is None:
        return "linked to what is not here"
    if not member.isreg() or member.issparse():
        return "no regular file"

    def head() -> bytes:
        file.seek(member.offset_data)
        return file.read(min(HEAD, member.size))

    return passed_over_as(posixpath.basename(name), head)


def _why_no_tar(path: Path, file: BinaryIO) -> str:
    file.seek(0)
    if not tarfile.is_tarfile(file):
        return f"{path} is neither a directory, nor a tar, nor a shard named *.array_record"
    file.seek(0)
    try:
        tarfile.open(fileobj=file, mode="r:").close()
    except tarfile.ReadError:
        return (
            f"{path} is compressed: images gain nothing from it, so unpack it and "
            "give the plain tar or the directory"
        )
    return f"{path} is a damaged tar: copy it anew"


def _digest(sizes: Iterable[tuple[str, int]]) -> str:
    digest = hashlib.sha256()
    for name, size in sizes:
        digest.update(f"{name}\0{size}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


SOURCES: dict[str, Callable[[ConfigDict], Source]] = {
    "files": lambda config: open_source(config.data.path)
}
