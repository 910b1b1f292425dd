"""What the command line keeps of a photo, and what it says that it could not."""

import functools
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from hcfss_jax.cli import main, runtime
from hcfss_jax.codec import Codec
from tests.small_model import photo, small_package


@functools.cache
def codec() -> Codec:
    return Codec(small_package())


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """A folder with a photo, `a.jpg`, and the small model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runtime, "load_codec", lambda *names: codec())
    exif = Image.Exif()
    exif[ExifTags.Base.Copyright], exif[ExifTags.Base.Orientation] = "(c) me", 6
    image = Image.fromarray(photo(20, 30))
    image.save("a.jpg", exif=exif.tobytes(), xmp=b"<x:xmpmeta/>", dpi=(300, 300), comment="hello")
    return tmp_path


def test_metadata_go_into_the_file_and_come_back_and_what_does_not_is_said(capsys):
    assert main(["compress", "a.jpg"]) == 0
    assert capsys.readouterr().err == "hcfss: a.jpg: has a comment: it is left out\n"
    for target in ("b.png", "b.jpg", "b.webp", "b.avif", "b.tiff"):
        assert main(["decompress", "a.hcf", target, "--model", "small"]) == 0
        assert capsys.readouterr().err == ""
        with Image.open(target) as picture:
            assert picture.size == (20, 30)
            assert picture.getexif()[ExifTags.Base.Copyright] == "(c) me"
    assert main(["decompress", "a.hcf", "b.bmp", "--model", "small"]) == 0
    assert capsys.readouterr().err == "hcfss: a.hcf: BMP has no place for EXIF, XMP, PNG has\n"


def test_info_names_what_a_file_carries(capsys):
    main(["compress", "a.jpg"])
    main(["info", "a.hcf"])
    told = capsys.readouterr().out
    assert "EXIF (" in told and "XMP (" in told and "DENSITY (6 bytes)" in told


def test_strip_leaves_metadata_out_and_turns_the_picture_all_the_same(capsys):
    assert main(["compress", "a.jpg", "--strip"]) == 0
    assert main(["info", "a.hcf"]) == 0
    told = capsys.readouterr()
    assert "beside them  nothing" in told.out and "20x30 pixels" in told.out
    assert told.err == ""
