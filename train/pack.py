"""Pack images into ArrayRecord shards: `python -m train.pack SRC OUT --shards 8`.

SRC is a directory or a tar. The files' bytes are kept as they are, in the order of their names;
what cannot be decoded is named and left out. Training then reads OUT as its data path.
"""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing.pool import ThreadPool
from pathlib import Path

from tqdm import tqdm

from hcfss_jax.pictures.picture_files import counted, printable
from hcfss_jax.runtime.places import check_bucket, in_bucket, path_of, upload
from hcfss_jax.runtime.whole_file import partial_beside
from train.errors import NoImages, TrainingError
from train.interrupt import exit_code_of_ctrl_c
from train.photos import decode
from train.shards import SUFFIX, shard_path, shards_named
from train.sources import Source, Subset, open_source


def main(argv: Sequence[str] | None = None) -> None:
    """Pack; exits with 1 and the reason where nothing could be packed."""
    args = _parse(argv)
    with exit_code_of_ctrl_c():
        _run(args)


def _run(args: argparse.Namespace) -> None:
    name = args.out.removesuffix(SUFFIX)
    try:
        check_bucket(path_of(name))
        old = shards_named(name)
        if old and not args.force:
            sys.exit(f"train.pack: {old[0]} exists: give --force to replace it, or another OUT")
        source = open_source(args.src)
        readable = find_readable(source)
        write_shards(readable, name, args.shards, replaced=old)
    except (TrainingError, OSError, RuntimeError) as error:
        sys.exit(f"train.pack: {error}")
    told = [f"{len(source) - len(readable)} could not be read"]
    told += [counted(source.passed_over)] * bool(source.passed_over)
    print(printable(f"{len(readable)} images in {args.shards} shards: {name}; {', '.join(told)}"))


def find_readable(source: Source) -> Subset:
    """The images that decode, tried on all cores; the others are named on standard error.

    Raises NoImages if none does.
    """

    def readable(index: int) -> bool:
        return decode(source, index) is not None

    kept = []
    with ThreadPool(os.cpu_count()) as pool:
        results = pool.imap(readable, range(len(source)), chunksize=8)
        for index, good in enumerate(tqdm(results, "checking", len(source), disable=None)):
            if good:
                kept.append(index)
            else:
                tqdm.write(f"cannot be read: {source.name(index)}", file=sys.stderr)
    if not kept:
        raise NoImages(f"none of the {len(source)} images can be read")
    return Subset(source, kept)


def write_shards(source: Source, name: str, count: int, replaced: Sequence[Path] = ()) -> None:
    """Write `count` shards of about equal numbers in place of those in `replaced`.

    They are written under other names and moved when all are whole; after an error nothing of
    them stays. Raises NoImages for more shards than images, and what writing raises.
    """
    if not 1 <= count <= len(source):
        raise NoImages(f"{len(source)} images cannot fill {count} shards: change --shards")
    paths = [shard_path(name, shard, count) for shard in range(count)]
    partial = [partial_beside(path) for path in paths]
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    try:
        with tqdm(desc="packing", total=len(source), disable=None) as progress:
            for shard, path in enumerate(partial):
                first, end = (k * len(source) // count for k in (shard, shard + 1))
                _write_shard(path, source, range(first, end), progress)
        for path in replaced:
            path.unlink()
        for whole, path in zip(partial, paths, strict=True):
            whole.replace(path)
    finally:
        for path in partial:
            path.unlink(missing_ok=True)


def _write_shard(path: Path, source: Source, indices: range, progress: tqdm) -> None:
    from array_record.python.array_record_module import ArrayRecordWriter

    # Images are compressed already, and a group of one can be read alone.
    with contextlib.ExitStack() as stack:
        file = path
        if in_bucket(path):  # where ArrayRecord can only read
            file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "shard"
        writer = ArrayRecordWriter(str(file), "group_size:1,uncompressed")
        try:
            for index in indices:
                writer.write(source[index])
                progress.update()
        finally:
            writer.close()
        if in_bucket(path):
            upload(file, path)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="train.pack", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("src", metavar="SRC", help="a directory or a tar of images")
    parser.add_argument("out", metavar="OUT", help="the shards' common name")
    parser.add_argument("--shards", type=int, default=1, help="files to write (%(default)s)")
    parser.add_argument("--force", action="store_true", help="replace shards of that name")
    return parser.parse_args(argv)


if __name__ == "__main__":
    # A polite kill unwinds as Ctrl-C does, so neither leaves half a file behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    main()
