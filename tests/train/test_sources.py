"""Encoded images by their number, whatever they lie in."""

import pickle
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from train.errors import NoImages
from train.shards import shard_path
from train.sources import Source, open_source, split

_FILES = {
    f"{origin}/{index}.png": f"{origin}{index}".encode() for origin in "ba" for index in "210"
}
_PASSED_OVER = {"a/list.csv": b"0.png", "a/._0.png": b"what macOS leaves", "notes": b""}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six files with an image's name in two folders, and some others."""
    root = tmp_path_factory.mktemp("folder")
    for name, data in (_FILES | _PASSED_OVER).items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(data)
    return root


@pytest.fixture(scope="module")
def tar(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a tar, in no order."""
    path = tmp_path_factory.mktemp("tar") / "photos.tar"
    with tarfile.open(path, "w") as archive:
        for name in sorted(_FILES | _PASSED_OVER, reverse=True):
            archive.add(folder / name, name)
    return path


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as two shards of ArrayRecord."""
    path = tmp_path_factory.mktemp("shards") / "photos"
    contents = [data for _, data in sorted(_FILES.items())]
    _write_record(shard_path(path, 0, 2), contents[:4])
    _write_record(shard_path(path, 1, 2), contents[4:])
    return path


@pytest.fixture(params=["folder", "tar", "shards"])
def source(request: pytest.FixtureRequest) -> Source:
    """Each kind of source in turn."""
    return open_source(request.getfixturevalue(request.param))


def test_every_kind_gives_the_images_in_the_order_of_their_names(source: Source) -> None:
    assert [source[index] for index in range(len(source))] == [
        b"a0",
        b"a1",
        b"a2",
        b"b0",
        b"b1",
        b"b2",
    ]


def test_images_are_named_as_the_user_knows_them(folder: Path, tar: Path, shards: Path) -> None:
    assert open_source(folder).name(4) == open_source(tar).name(4) == "b/1.png"
    assert open_source(shards).name(3) == "photos-00000-of-00002.array_record[3]"
    assert open_source(shards).name(4) == "photos-00001-of-00002.array_record[0]"


def test_a_source_travels_to_other_processes_and_serves_many_threads(source: Source) -> None:
    source[0]  # what it opened for that stays behind
    arrived = pickle.loads(pickle.dumps(source))
    assert arrived.digest == source.digest
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(arrived.__getitem__, [k % 6 for k in range(300)]))
    assert read == [source[k % 6] for k in range(300)]


def test_shards_are_found_by_name_by_folder_and_alone(shards: Path) -> None:
    assert open_source(shards).digest == open_source(shards.parent).digest
    assert len(open_source(shard_path(shards, 1, 2))) == 2


def test_links_in_a_tar_are_second_names_and_not_dropped(tmp_path: Path) -> None:
    path = tmp_path / "photos.tar"
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "a.png").write_bytes(b"photo")
    (tmp_path / "in" / "b.png").hardlink_to(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "deep" / "c.png").symlink_to("../a.png")
    (tmp_path / "in" / "gone.png").symlink_to("nowhere")
    with tarfile.open(path, "w") as archive:
        archive.add(tmp_path / "in", ".")
    source = open_source(path)
    assert [source.name(k) for k in range(len(source))] == ["./a.png", "./b.png", "./deep/c.png"]
    assert [source[k] for k in range(3)] == [b"photo"] * 3
    assert source.passed_over == {"linked to what is not here": 1}


def test_what_is_passed_over_is_counted_and_images_are_known_by_content(tmp_path: Path) -> None:
    signature = b"\x89PNG\r\n\x1a\n"
    files = {
        "a.png": b"",
        "b": signature,
        "c.pdf": b"%PDF",
        "d.h5": b"",
        "._a.png": b"",
        "e.heic": b"",
    }
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
            archive.add(tmp_path / name, name)
    for source in (open_source(tmp_path), open_source(tmp_path / "photos.tar")):
        assert [source.name(k) for k in range(len(source))] == ["a.png", "b"]
        kinds = {".pdf": 1, ".h5": 1, "hidden": 1, "HEIC (Pillow has no plugin for it here)": 1}
        assert source.passed_over == kinds or source.passed_over == {**kinds, ".tar": 1}


def test_a_name_that_is_no_utf_8_can_be_told(tmp_path: Path) -> None:
    (tmp_path / "caf\udce9.png").write_bytes(b"photo")
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        archive.add(tmp_path / "caf\udce9.png", "caf\udce9.png")
    for source in (open_source(tmp_path), open_source(tmp_path / "photos.tar")):
        assert source.name(0) == "caf\\xe9.png" and source[0] == b"photo"


def test_the_digest_tells_that_data_changed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"12")
    before = open_source(tmp_path).digest
    assert open_source(tmp_path).digest == before
    (tmp_path / "a.png").write_bytes(b"123")
    grown = open_source(tmp_path).digest
    (tmp_path / "a.png").rename(tmp_path / "b.png")
    assert len({before, grown, open_source(tmp_path).digest}) == 3


def test_held_out_images_are_spread_over_the_names(source: Source) -> None:
    training, held_out = split(source, 2)
    assert [held_out[k] for k in range(2)] == [b"a1", b"b1"]
    assert [training[k] for k in range(4)] == [b"a0", b"a2", b"b0", b"b2"]
    assert training.name(3) == source.name(5)
    assert len({source.digest, training.digest, held_out.digest}) == 3
    everything, nothing = split(source, 0)
    assert len(everything) == 6 and len(nothing) == 0
    with pytest.raises(NoImages, match="leave none to train on"):
        split(source, 6)


def test_a_directory_or_tar_without_images_says_what_is_wrong(tmp_path: Path, tar: Path) -> None:
    with pytest.raises(NoImages, match="there is nothing at"):
        open_source(tmp_path / "nowhere")
    with pytest.raises(NoImages, match="holds no image"):
        open_source(tmp_path)
    (tmp_path / "photo.png").write_bytes(b"not an archive")
    with pytest.raises(NoImages, match="neither a directory, nor a tar"):
        open_source(tmp_path / "photo.png")
    with tarfile.open(tmp_path / "p.tar.gz", "w:gz") as archive:
        archive.add(tar, "photo.png")
    with pytest.raises(NoImages, match="is compressed"):
        open_source(tmp_path / "p.tar.gz")


def test_shards_that_are_not_whole_say_what_is_wrong(tmp_path: Path) -> None:
    first = shard_path(tmp_path / "set", 0, 2)
    _write_record(first, [b"data"])
    with pytest.raises(NoImages, match="1 of 2 shards are missing"):
        open_source(tmp_path / "set")
    _write_record(shard_path(tmp_path / "set", 0, 1), [b"data"])
    with pytest.raises(NoImages, match="two packings under one name"):
        open_source(tmp_path)
    first.write_bytes(b"cut")
    with pytest.raises(NoImages, match="is damaged"):
        open_source(first)


def _write_record(path: Path, contents: list[bytes]) -> None:
    from array_record.python.array_record_module import ArrayRecordWriter

    writer = ArrayRecordWriter(str(path), "group_size:1")
    for data in contents:
        writer.write(data)
    writer.close()
