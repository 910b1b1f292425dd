"""ArrayRecord shards of encoded images: how they are named, found and read.

A record is the bytes of one image file. The shards of a set stand beside each other as
NAME-00000-of-00004.array_record; NAME alone stands for all of them.
"""

import bisect
import glob
import hashlib
import itertools
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hcfss_jax.errors import UnreachablePlace
from hcfss_jax.pictures.picture_files import printable
from hcfss_jax.runtime.places import in_bucket, in_time, path_of, size_of
from train.errors import NoImages

SUFFIX = ".array_record"
_NUMBERED = re.compile(r"(.*)-\d{5}-of-(\d{5})" + re.escape(SUFFIX))


def shard_path(name: str | os.PathLike[str], index: int, count: int) -> Path:
    """Where shard `index` of `count` of the set called `name` lies."""
    return path_of(f"{os.fspath(name)}-{index:05d}-of-{count:05d}{SUFFIX}")


def shards_named(name: str | os.PathLike[str]) -> list[Path]:
    """Whatever lies there of sets called `name`, sorted; whole or not."""
    name = os.fspath(name)
    if in_bucket(name):
        folder = path_of(name).parent
        return sorted(folder.glob(f"{glob.escape(name.rpartition('/')[2])}-?????-of-?????{SUFFIX}"))
    pattern = f"{glob.escape(name)}-?????-of-?????{SUFFIX}"
    return [Path(found) for found in sorted(glob.glob(pattern))]


def find_shards(path: Path) -> list[Path]:
    """The shards that `path` means, sorted; none where it means something else.

    `path` is one file, a folder of shards, or the NAME of a set. Raises NoImages for a set with
    shards missing, and for two packings under one name.
    """
    if path.name.endswith(SUFFIX):
        return [path] if path.is_file() else []
    shards = sorted(path.glob("*" + SUFFIX)) if path.is_dir() else shards_named(path)
    _check_whole(shards)
    return shards


def _check_whole(shards: Sequence[Path]) -> None:
    matches = [_NUMBERED.fullmatch(str(shard)) for shard in shards]
    sets = {(match[1], int(match[2])) for match in matches if match}
    if len({name for name, _ in sets}) < len(sets):
        raise NoImages(f"{shards[0].parent} holds two packings under one name: delete one of them")
    wanted = {shard_path(name, index, count) for name, count in sets for index in range(count)}
    if missing := sorted(wanted - set(shards)):
        raise NoImages(f"{len(missing)} of {len(wanted)} shards are missing, such as {missing[0]}")


class ArrayRecords:
    """Random access to the records of shards, as a `train.sources.Source`."""

    def __init__(self, shards: Sequence[Path]):
        """Looks into each shard for its number of records. Raises NoImages for a damaged one."""
        self.passed_over: Mapping[str, int] = {}
        self._names = [shard.name for shard in shards]
        self._readers = [_reader(shard) for shard in shards]
        counts = [len(reader) for reader in self._readers]
        self._ends = list(itertools.accumulate(counts))
        sizes = [size_of(shard) for shard in shards]
        self._bucket = str(shards[0].parent) if in_bucket(shards[0]) else ""
        self._away = ""
        facts = list(zip(self._names, sizes, counts, strict=True))
        self.digest = hashlib.sha256(repr(facts).encode()).hexdigest()[:16]

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> bytes:
        shard, record = self._place(index)
        if not self._bucket:
            return self._readers[shard][record]
        if self._away:  # whoever reads ahead would wait for each record anew
            raise UnreachablePlace(self._away)
        try:
            return in_time(self._bucket, lambda: self._readers[shard][record])
        except UnreachablePlace as error:
            self._away = str(error)
            raise

    def name(self, index: int) -> str:
        """FILE[RECORD]."""
        shard, record = self._place(index)
        return printable(f"{self._names[shard]}[{record}]")

    def _place(self, index: int) -> tuple[int, int]:
        shard = bisect.bisect_right(self._ends, index)
        return shard, index - (self._ends[shard - 1] if shard else 0)


def _reader(shard: Path) -> Sequence[bytes]:
    """Safe over threads, and it can be pickled."""
    from grain.sources import ArrayRecordDataSource

    def opened() -> Sequence[bytes]:
        return ArrayRecordDataSource([str(shard)])

    try:
        reader = in_time(shard, opened) if in_bucket(shard) else opened()
    except RuntimeError as error:
        raise NoImages(f"{shard} is damaged or no ArrayRecord: {error}") from error
    if not len(reader):
        raise NoImages(f"{shard} is damaged or holds no record: pack it again")
    return reader
