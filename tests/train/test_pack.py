"""A directory or tar packed into ArrayRecord shards."""

from pathlib import Path

import pytest

from tests.train.listed import flat_png
from train.pack import main
from train.sources import open_source


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five images, and two files that are none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for value in range(5):
        (folder / f"{value}.png").write_bytes(flat_png(value))
    (folder / "1b.png").write_bytes(flat_png(1)[:50])
    (folder / "3b.jpg").write_text("not a photo")
    return folder


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_shards_hold_the_very_files_in_order(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(photos), str(tmp_path / "out" / "pack"), "--shards", "2"])
    packed = open_source(tmp_path / "out" / "pack")
    assert [packed[index] for index in range(len(packed))] == [flat_png(v) for v in range(5)]
    said = capsys.readouterr()
    assert "5 images in 2 shards" in said.out and "2 could not be read" in said.out
    assert "cannot be read: 1b.png" in said.err and "cannot be read: 3b.jpg" in said.err
    assert _files(tmp_path / "out") == [
        f"pack-0000{index}-of-00002.array_record" for index in range(2)
    ]


def test_nothing_is_overwritten_unless_asked_for(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "pack"
    main([str(photos), str(out), "--shards", "3"])
    before = _files(out.parent)
    with pytest.raises(SystemExit, match=r"exists: give --force"):
        main([str(photos), str(out)])
    assert _files(out.parent) == before
    main([str(photos), str(out), "--force"])
    assert _files(out.parent) == ["pack-00000-of-00001.array_record"]
    assert len(open_source(out)) == 5


def test_a_failure_half_way_leaves_nothing_and_keeps_what_was_there(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out" / "pack"
    main([str(photos), str(out)])
    before = (out.parent / "pack-00000-of-00001.array_record").read_bytes()

    def read_or_fail(self: object, index: int) -> bytes:
        if index == 3:
            raise OSError("the disk is gone")
        return flat_png(index)

    monkeypatch.setattr("train.sources.Subset.__getitem__", read_or_fail)
    with pytest.raises(SystemExit, match="the disk is gone"):
        main([str(photos), str(out), "--force", "--shards", "2"])
    assert _files(out.parent) == ["pack-00000-of-00001.array_record"]
    assert (out.parent / "pack-00000-of-00001.array_record").read_bytes() == before


def test_what_cannot_be_packed_is_an_error(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="5 images cannot fill 6 shards"):
        main([str(photos), str(tmp_path / "pack"), "--shards", "6"])
    for good in photos.glob("?.png"):
        good.unlink()
    with pytest.raises(SystemExit, match="none of the 2 images can be read"):
        main([str(photos), str(tmp_path / "pack")])
    assert _files(tmp_path) == ["photos"]
