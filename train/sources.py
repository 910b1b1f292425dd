"""Encoded images by their number: from a directory, a tar file, or ArrayRecord shards.

Every kind is sorted by name, so all hosts of a run see the same order, holds no open file that
threads would share, and can be pickled into worker processes.
"""

import hashlib
import os
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from train.errors import NoImages
from train.shards import ArrayRecords, find_shards


class Source(Protocol):
    """Random access to encoded images.

    digest: a short hash of the sorted names and sizes, which tells when the data of a run that
    goes on have changed.
    """

    digest: str

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> bytes: ...

    def name(self, index: int) -> str:
        """What a user calls this image."""


def open_source(path: str | os.PathLike[str]) -> Source:
    """The images at `path`: a directory, an uncompressed tar, or ArrayRecord (`train.shards`).

    Files without an image's extension and hidden ones are passed over; nothing is decoded.
    Raises NoImages.
    """
    try:
        source = _open(Path(path))
    except OSError as error:
        raise NoImages(f"{path} cannot be read: {error}") from error
    if not len(source):
        raise NoImages(f"{path} holds no file with an image's extension (.png, .jpg, …)")
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
        extensions = _image_extensions()
        sizes = {
            entry.path.removeprefix(self._root): entry.stat().st_size
            for entry in _files(self._root)
            if _is_image(entry.name, extensions)
        }
        self._names = sorted(sizes)
        self.digest = _digest((name, sizes[name]) for name in self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> bytes:
        with open(self._root + self._names[index], "rb") as file:
            return file.read()

    def name(self, index: int) -> str:
        """The path from the directory on."""
        return self._names[index]


class Tar:
    """The images of an uncompressed tar, each a range of its bytes."""

    def __init__(self, path: Path):
        """Reads the headers once. Raises NoImages for a compressed tar and for none at all."""
        self._path = path
        extensions = _image_extensions()
        ranges = {
            member.name: (member.offset_data, member.size)
            for member in _members(path)
            if _is_image(os.path.basename(member.name), extensions)
        }
        self._names = sorted(ranges)
        self._ranges = np.array([ranges[name] for name in self._names], np.int64).reshape(-1, 2)
        self.digest = _digest((name, ranges[name][1]) for name in self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> bytes:
        offset, size = map(int, self._ranges[index])
        with self._path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def name(self, index: int) -> str:
        """The member's path."""
        return self._names[index]


class Subset:
    """Some images of another source, in the order of `indices`."""

    def __init__(self, source: Source, indices: Sequence[int] | np.ndarray):
        self._source, self._indices = source, np.asarray(indices, np.int64)
        chosen = hashlib.sha256(source.digest.encode() + self._indices.tobytes())
        self.digest = chosen.hexdigest()[:16]

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> bytes:
        return self._source[int(self._indices[index])]

    def name(self, index: int) -> str:
        """As the other source has it."""
        return self._source.name(int(self._indices[index]))


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


def _image_extensions() -> tuple[str, ...]:
    """Of the formats that Pillow can read; it knows others that it only writes."""
    Image.init()
    return tuple(ext for ext, kind in Image.registered_extensions().items() if kind in Image.OPEN)


def _is_image(file_name: str, extensions: tuple[str, ...]) -> bool:
    # macOS leaves a hidden "._photo.jpg", which is no image, beside each photo of an archive.
    return file_name.lower().endswith(extensions) and not file_name.startswith(".")


def _files(root: str) -> Iterator[os.DirEntry[str]]:
    """Every file under `root`; a folder's listing says what is one, without a look at each."""
    folders = [root]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif entry.is_file():
                    yield entry


def _members(path: Path) -> list[tarfile.TarInfo]:
    """The files of an uncompressed tar. Raises NoImages."""
    try:
        with tarfile.open(path, "r:") as archive:
            return [member for member in archive if member.isfile()]
    except tarfile.ReadError as error:
        raise NoImages(_why_no_tar(path)) from error


def _why_no_tar(path: Path) -> str:
    if not tarfile.is_tarfile(path):
        return f"{path} is neither a directory, nor a tar, nor a shard named *.array_record"
    try:
        tarfile.open(path, "r:").close()
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
