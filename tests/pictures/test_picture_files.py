"""What of a folder is a picture: by content, whatever it is called, and nothing left out in silence."""

import importlib.util
import io
import os
from pathlib import Path

import pytest
from PIL import Image

from hcfss_jax.pictures.picture_files import counted, printable, search
from hcfss_jax.runtime.whole_file import write_whole


def encoded(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), "teal").save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "AVIF", "BMP", "JPEG2000", "TIFF"])
@pytest.mark.parametrize("name", ["photo", "photo.dat"])
def test_a_picture_is_known_by_its_content(tmp_path, kind, name):
    if kind == "TIFF" and name == "photo.dat":
        pytest.skip("cameras' raw files begin so too, and are no pictures that Pillow reads")
    if kind not in Image.SAVE:
        pytest.skip(f"this Pillow writes no {kind}")
    (tmp_path / name).write_bytes(encoded(kind))
    assert list(search(tmp_path).sizes) == [name]


def test_a_name_that_promises_a_picture_is_enough_so_that_damage_is_told(tmp_path):
    for name in ("a.png", "B.JPG", "c.jpeg", "d.webp", "e.tif"):
        (tmp_path / name).write_bytes(b"")
    assert list(search(tmp_path).sizes) == ["B.JPG", "a.png", "c.jpeg", "d.webp", "e.tif"]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.pdf", b"%PDF-1.7", ".pdf"),
        ("a.h5", b"\x89HDF\r\n\x1a\n", ".h5"),
        ("a.mpg", b"\0\0\1\xb3", ".mpg"),
        ("a.c", b"#define a_width 16\n", ".c"),
        ("camera.nef", b"MM\0*\0\0\0\x08", ".nef"),
        ("notes", b"BM is no bitmap", "without ending"),
        ("._a.png", b"what macOS leaves", "hidden"),
        (".a.png", b"", "hidden"),
        ("film.mp4", b"\0\0\0\x20ftypisom" + bytes(20), ".mp4"),
        ("a.heic", b"", "HEIC (Pillow has no plugin for it here)"),
        ("a", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC (Pillow has no plugin for it here)"),
    ],
)
def test_what_is_no_picture_is_counted_by_its_kind(tmp_path, name, content, kind):
    (tmp_path / name).write_bytes(content)
    found = search(tmp_path)
    assert not found.sizes and found.passed_over == {kind: 1}
    assert counted(found.passed_over) == f"1 passed over (1 {kind})"


def test_with_a_plugin_its_kind_is_a_picture(tmp_path, monkeypatch):
    Image.init()
    (tmp_path / "a.heic").write_bytes(b"")
    monkeypatch.setitem(Image.EXTENSION, ".heic", "HEIF")
    monkeypatch.setitem(Image.OPEN, "HEIF", (None, None))
    assert list(search(tmp_path).sizes) == ["a.heic"]


def test_a_jpeg_xl_is_a_picture_where_imagecodecs_is_installed(tmp_path, monkeypatch):
    (tmp_path / "a.jxl").write_bytes(b"")
    for there in (True, False):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: there)  # noqa: B023
        assert list(search(tmp_path).sizes) == ["a.jxl"] * there


def test_folders_links_and_what_cannot_be_read(tmp_path):
    inside = tmp_path / "in"
    (inside / "deep" / "deeper").mkdir(parents=True)
    for place in ("a.png", "deep/b.png", "deep/deeper/c.png"):
        (inside / place).write_bytes(b"1234")
    (inside / ".git").mkdir()
    (inside / ".git" / "d.png").write_bytes(b"")
    os.symlink(inside / "deep", inside / "link")
    os.symlink(inside / "a.png", inside / "e.png")
    os.symlink("nowhere", inside / "gone.png")
    os.mkfifo(inside / "pipe.png")
    found = search(inside)
    assert found.sizes == dict.fromkeys(["a.png", "deep/b.png", "deep/deeper/c.png", "e.png"], 4)
    assert found.passed_over == {"hidden": 1, "linked folder": 1, "no regular file": 1}
    assert list(found.failed) == ["gone.png"]
    flat = search(inside, recursive=False)
    assert list(flat.sizes) == ["a.png", "e.png"] and flat.passed_over["folder"] == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all")
def test_a_folder_that_may_not_be_read_is_named(tmp_path):
    (tmp_path / "shut").mkdir(mode=0)
    assert list(search(tmp_path).failed) == ["shut"]


def test_any_name_can_be_printed():
    assert printable(os.fsdecode(b"caf\xe9.jpg")) == "caf\\xe9.jpg"
    assert printable(Path("日本.png")) == "日本.png"


def test_a_name_as_long_as_names_may_be_is_written_whole(tmp_path):
    path = tmp_path / ("照" * 83 + "123.hcf")  # 256 bytes less one
    assert len(os.fsencode(path.name)) in (255, 256)
    path = path.with_name(path.name[1:])
    write_whole(path, b"1")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
