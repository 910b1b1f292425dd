"""Training where nothing is kept on a disk: data, run and weights lie in a bucket, which an emulator serves."""

import asyncio
import contextlib
import pickle
import random
import re
import subprocess
import tarfile
import time
import types
from collections.abc import Iterator
from pathlib import Path

import gcsfs
import jax
import numpy as np
import pytest
from tensorboardX.proto import event_pb2

import hcfss_jax
from hcfss_jax.errors import HcfError, NoPlace, UnreachablePlace
from hcfss_jax.runtime import places
from hcfss_jax.runtime.places import objects_under, path_of, read
from hcfss_jax.runtime.whole_file import write_whole
from hcfss_jax.weights import load_package
from tests.train.bucket import Emulator, emulator
from tests.train.processes import finish, free_port, lines, start
from tests.train.stand_in import FACTORY
from train import export, main, pack
from train.board import Board
from train.errors import TRY_AGAIN, NoImages
from train.growing_file import InBucket
from train.photos import decode
from train.sources import open_source
from train.stream import Stream
from train.supervise import AT_FAULT
from train.training_crop import CropRecipe

_STEPS = 16
_FLAGS = (
    f"--config.steps={_STEPS}",
    "--config.batch_size=4",
    "--config.checkpoint_minutes=0.002",
    "--config.data.held_out=2",
    "--config.eval_every=8",
    "--config.eval_crop=64",
    "--config.evaluators=('tests.train.outside:showing',)",
    "--config.data.path=gs://bucket/data/photos",
)


@pytest.fixture(scope="module")
def server(photo_dir: Path) -> Iterator[Emulator]:
    """A bucket with photos in shards, for this process and those that it starts."""
    with emulator() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        pack.main([str(photo_dir), "gs://bucket/data/photos", "--shards", "2"])
        yield running


def test_killed_and_resumed_it_ends_the_same_to_the_bit(server: Emulator, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    _whole(whole, "--profile=2", "--config.checkpoint_minutes=60")
    step = random.Random(0).randrange(5, _STEPS - 5)
    processes = _start(killed, hosts=2)
    with _ended(processes):
        _wait_for(step, killed, processes)
    _whole(killed)
    assert "from step 0" not in (killed / "host0.log").read_text().rpartition("training on")[2]

    for kind, every in (("train", 1), ("validation", 8)):
        figures = [lines(path_of(f"gs://bucket/{run.name}"), kind) for run in (whole, killed)]
        assert [line["step"] for line in figures[0]] == list(range(every, _STEPS + 1, every))
        assert [line["loss"] for line in figures[0]] == [line["loss"] for line in figures[1]]
    packages = [_exported(run.name) for run in (whole, killed)]
    jax.tree.map(np.testing.assert_array_equal, packages[0].params, packages[1].params)

    written = objects_under("gs://bucket/killed/")
    assert [name for name in written if name.startswith("pictures/")] == [
        f"pictures/{step:08d}.png" for step in range(8, _STEPS + 1, 8)
    ]
    assert len(read("gs://bucket/killed/starts.jsonl").splitlines()) == 2
    assert any(name.startswith("best/") for name in written)
    assert any(name.endswith(".pb") for name in objects_under("gs://bucket/whole/profile/"))
    assert not list(Path.cwd().glob("gs:*"))


def test_a_bucket_that_goes_away_ends_a_run_by_name(
    server: Emulator, photo_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_whole(path_of("gs://bucket/away/photo.png"), (photo_dir / "photo0.png").read_bytes())
    source = open_source("gs://bucket/away")
    nowhere = gcsfs.GCSFileSystem(endpoint_url=f"http://127.0.0.1:{free_port()}", token="anon")
    monkeypatch.setattr(places, "_storage", lambda: nowhere)
    pause = asyncio.sleep
    monkeypatch.setattr("asyncio.sleep", lambda seconds, *value: pause(0, *value))  # between tries
    with Stream(source, CropRecipe(8, 1), 1, 0) as stream, pytest.raises(UnreachablePlace) as told:
        next(stream)
    assert str(told.value).startswith(
        "gs://bucket/away/photo.png cannot be reached: Cannot connect"
    )

    def ends(*arguments: object) -> int:
        raise told.value

    monkeypatch.setattr(main, "train", ends)
    monkeypatch.setattr(main, "_WORKDIR", types.SimpleNamespace(value="unused"))
    monkeypatch.setattr(main, "CONFIG", types.SimpleNamespace(value=None))
    flags = {"_PROFILE": 0, "_COORDINATOR": "", "_PROCESSES": 0, "_PROCESS_ID": -1}
    for name, value in flags.items():
        monkeypatch.setattr(main, name, types.SimpleNamespace(value=value))
    with pytest.raises(SystemExit) as ended:
        main.main([])
    assert ended.value.code == TRY_AGAIN not in AT_FAULT


def test_all_kinds_of_data_are_read_as_from_a_disk(
    server: Emulator, photo_dir: Path, tmp_path: Path
) -> None:
    archive, folder = tmp_path / "photos.tar", path_of("gs://bucket/folder")
    with tarfile.open(archive, "w") as tar:
        tar.add(photo_dir, "photos")
    write_whole(path_of("gs://bucket/photos.tar"), archive.read_bytes())
    for photo in photo_dir.iterdir():
        write_whole(folder / "more" / photo.name, photo.read_bytes())
    write_whole(folder / "more" / ".hidden.png", b"")
    write_whole(folder / "notes.txt", b"no photo")
    write_whole(folder / "more" / "photo1.txt", b"a \r\nphoto")

    disk = open_source(photo_dir)
    for path in ("gs://bucket/photos.tar", "gs://bucket/folder", "gs://bucket/data/photos"):
        source = open_source(path)
        assert [source[i] for i in range(len(source))] == [disk[i] for i in range(len(disk))]
    assert open_source("gs://bucket/photos.tar").digest == open_source(archive).digest
    directory = open_source("gs://bucket/folder")
    assert directory.passed_over == {"hidden": 1, ".txt": 2}
    assert [directory.caption(index) for index in range(2)] == ["", "a \nphoto"]
    again = pickle.loads(pickle.dumps(directory))  # as worker processes get it
    assert again[0] == disk[0] and again.name(0) == "more/photo0.png"


def test_what_is_no_place_is_one_line(
    server: Emulator, photo_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoImages, match="there is no bucket 'none'"):
        open_source("gs://none/photos")
    with pytest.raises(SystemExit, match="there is no bucket 'none'"):
        pack.main([str(photo_dir), "gs://none/photos"])
    with pytest.raises(SystemExit, match="there is no bucket 'none'"):
        export.main(["gs://none/run", str(tmp_path / "out.safetensors")])
    with pytest.raises(HcfError, match="gs://bucket/none"):
        hcfss_jax.load("gs://bucket/none.safetensors")
    with pytest.raises(NoPlace, match="s3://run: only gs:// is a place"):
        path_of("s3://run")
    with pytest.raises(NoImages, match="only gs:// is a place"):
        open_source("http://photos")
    missing = {"gcsfs": None}
    monkeypatch.setattr(places.importlib.util, "find_spec", lambda name: missing.get(name, name))
    places._storage.cache_clear()
    with pytest.raises(NoPlace, match=r"pip install 'hcfss-jax\[gcs\]'"):
        path_of("gs://bucket/run")


def test_a_bucket_that_refuses_is_told_from_one_that_is_away() -> None:
    with (
        pytest.raises(PermissionError, match="gs://b/x: the bucket refuses: Forbidden: o no"),
        places.reached("gs://b/x"),
    ):
        raise OSError("Forbidden: o\nno")
    with (
        pytest.raises(UnreachablePlace, match="gs://b/x cannot be reached: gone"),
        places.reached("gs://b/x"),
    ):
        raise RuntimeError("gone")
    with pytest.raises(UnreachablePlace, match=r"gs://b/x has not answered within 0.01 s"):
        places.in_time("gs://b/x", lambda: time.sleep(0.2), seconds=0.01)


def test_an_image_is_not_at_fault_where_its_bucket_is_away() -> None:
    class Away:
        def __getitem__(self, index: int) -> bytes:
            raise UnreachablePlace("away")

    with pytest.raises(UnreachablePlace):
        decode(Away(), 0)  # type: ignore[arg-type]


def test_a_growing_file_is_written_now_and_then_and_keeps_what_was_there(server: Emulator) -> None:
    path = path_of("gs://bucket/growing.jsonl")
    file = InBucket(path, every=3600)
    for line in (b"1\n", b"2\n", b"3\n"):
        file.append(line)
    assert read(str(path)) == b"1\n"
    file.flush()
    assert read(str(path)) == b"1\n2\n3\n"
    InBucket(path, every=3600).append(b"4\n")
    assert read(str(path)) == b"1\n2\n3\n4\n"


def test_a_growing_file_that_cannot_be_written_loses_nothing(
    server: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = path_of("gs://bucket/failing.jsonl")
    file = InBucket(path, every=0)
    with monkeypatch.context() as patch:
        patch.setattr("train.growing_file.write_whole", _fail)
        with pytest.raises(OSError, match="away"):
            file.append(b"1\n")
    file.append(b"2\n")
    assert read(str(path)) == b"1\n2\n"


def test_events_of_a_long_run_lie_in_files_that_stay_small(
    server: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.board._LARGE", 100)
    board = Board(path_of("gs://bucket/board"), 7)
    for step in range(8, 12):
        board.scalars(step, {"loss": 1.0})
        board.flush()
    board.close()
    names = objects_under("gs://bucket/board/")
    events = [event for name in names for event in _events(read(f"gs://bucket/board/{name}"))]
    assert len(names) > 1
    assert [event.step for event in events if event.HasField("summary")] == list(range(8, 12))
    # A start makes TensorBoard forget what comes after its step.
    assert [event.step for event in events if event.HasField("session_log")] == [7]


def _start(workdir: Path, *flags: str, hosts: int = 1) -> list[subprocess.Popen]:
    """A run in the bucket, under the name of a directory on the disk, where its logs lie."""
    return start(
        workdir,
        Path("unused"),
        *_FLAGS,
        f"--workdir=gs://bucket/{workdir.name}",
        *flags,
        hosts=hosts,
    )


def _whole(workdir: Path, *flags: str) -> None:
    """A run to its end, on two processes."""
    processes = _start(workdir, *flags, hosts=2)
    with _ended(processes):
        finish(processes, workdir)


@contextlib.contextmanager
def _ended(processes: list[subprocess.Popen]) -> Iterator[None]:
    """Behind it they are killed, whatever happens."""
    try:
        yield
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


def _wait_for(step: int, workdir: Path, processes: list[subprocess.Popen]) -> None:
    end = time.monotonic() + 90
    while True:
        words = (workdir / "host0.log").read_text()
        if any(int(found) >= step for found in re.findall(r"^step (\d+)/", words, re.M)):
            return
        assert time.monotonic() < end and processes[0].poll() is None, words[-2000:]
        time.sleep(0.02)


def _exported(run: str) -> hcfss_jax.weights.WeightPackage:
    out = f"gs://bucket/weights/{run}.safetensors"
    export.main([f"gs://bucket/{run}", out, "--dtype", "float32", "--model-factory", FACTORY])
    return load_package(out)


def _events(data: bytes) -> Iterator[event_pb2.Event]:
    """The records of an event file: a length of 8 bytes, 4 of its checksum, the record, 4 of its."""
    while data:
        size = int.from_bytes(data[:8], "little")
        yield event_pb2.Event.FromString(data[12 : 12 + size])
        data = data[16 + size :]


def _fail(path: Path, data: bytes) -> None:
    raise UnreachablePlace("away")
