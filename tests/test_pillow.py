"""Pillow opens and saves `.hcf` files as it does others, with a small model."""

import dataclasses
import functools
import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, ImageFile, UnidentifiedImageError

from hcfss_jax import coding, pillow
from hcfss_jax.codec import Codec
from hcfss_jax.errors import (
    CorruptSection,
    Incomplete,
    InvalidInput,
    InvalidQuality,
    LeftOut,
    TruncatedFile,
    WrongWeights,
)
from tests.small_model import photo, small_package


@functools.cache
def codec() -> Codec:
    return Codec(small_package())


@pytest.fixture(autouse=True)
def small_weights(monkeypatch):
    """The small model's weights are in use, and what a test brings into use goes with it."""
    monkeypatch.setattr(pillow, "_used", {})
    pillow.use(codec())


def picture(mode: str = "RGB") -> Image.Image:
    image = Image.fromarray(photo(20, 30)).convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray(photo(20, 30, seed=3)[..., 0]))
    return image


def saved(image: Image.Image, **options) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, "HCF", weights=codec(), **options)
    return buffer


@functools.cache
def file_of(mode: str = "RGB") -> bytes:
    return codec().compress(picture(mode))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "CMYK"])
def test_a_picture_saved_and_opened_is_what_the_codec_makes_of_it(mode):
    opened = Image.open(saved(picture(mode)))
    known = opened.mode, opened.size
    expected = codec().decompress(file_of(mode))
    assert opened.format == "HCF" and opened.get_format_mimetype() == "image/x-hcf"
    np.testing.assert_array_equal(np.asarray(opened), np.asarray(expected))
    assert known == (opened.mode, opened.size) == (expected.mode, expected.size)


def test_a_deep_picture_is_what_pillow_can_hold_of_it():
    deep = photo(20, 30).astype(np.uint16) << 2
    grey = Image.open(io.BytesIO(codec().compress(deep[..., 0], depth=10)))
    assert grey.mode == "I;16" and np.asarray(grey).dtype == np.uint16
    again = codec().decode(saved(grey).getvalue())
    assert (again.depth, again.grey) == (16, True)
    data = codec().compress(deep, depth=10)
    colours = Image.open(io.BytesIO(data))
    assert colours.mode == "RGB"
    with pytest.warns(LeftOut, match="10 bits a channel"):
        colours.load()
    shown = codec().decode(data).at_depth(8).rgb
    np.testing.assert_array_equal(np.asarray(colours), shown)


def test_a_path_is_known_by_its_suffix_and_left_closed(tmp_path):
    path = tmp_path / "a.hcf"
    picture().save(path, weights=codec(), quality=5)
    assert path.read_bytes() == codec().compress(picture(), 5)
    opened = Image.open(path)
    file = opened.fp
    assert opened.getpixel((3, 3)) == codec().decompress(path.read_bytes()).getpixel((3, 3))
    assert file.closed


def test_opening_a_file_costs_neither_weights_nor_jax(tmp_path):
    path = tmp_path / "a.hcf"
    path.write_bytes(file_of("LA"))
    program = f"""
import sys
from PIL import Image
import hcfss_jax.pillow
image = Image.open({str(path)!r})
image.verify()
print(image.mode, image.size, image.format, {{"jax", "safetensors"}} & sys.modules.keys())
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert told.stdout == "LA (30, 20) HCF set()\n", told.stderr


def test_the_colour_profile_is_there_when_the_file_is_opened():
    image = picture()
    image.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    opened = Image.open(saved(image))
    assert opened.info["icc_profile"] == image.info["icc_profile"]


def test_metadata_are_there_when_the_file_is_opened():
    image = picture()
    image.getexif()[ExifTags.Base.Copyright] = "(c) me"
    image.info |= {"xmp": b"<x:xmpmeta/>", "dpi": (300, 300)}
    opened = Image.open(saved(image))
    assert opened.getexif()[ExifTags.Base.Copyright] == "(c) me"
    assert (opened.info["xmp"], opened.info["dpi"]) == (b"<x:xmpmeta/>", (300, 300))
    again = Image.open(saved(opened))  # from a file of ours to another
    assert again.info == opened.info
    assert Image.open(saved(opened, strip=True)).info == {}


def test_metadata_given_to_save_take_the_place_of_the_image_s_own():
    image, exif = picture(), Image.Exif()
    image.getexif()[ExifTags.Base.Copyright] = "(c) me"
    image.info["dpi"] = (72, 72)
    exif[ExifTags.Base.Copyright] = "(c) you"
    for given in (exif, exif.tobytes()):
        opened = Image.open(saved(image, exif=given, dpi=(300, 300), xmp=b"<x:xmpmeta/>"))
        assert opened.getexif()[ExifTags.Base.Copyright] == "(c) you"
        assert (opened.info["xmp"], opened.info["dpi"]) == (b"<x:xmpmeta/>", (300, 300))
    assert not Image.open(saved(image, exif=b"")).getexif()
    assert image.getexif()[ExifTags.Base.Copyright] == "(c) me"


def test_the_options_of_save_are_those_of_the_codec():
    assert saved(picture()).getvalue() == file_of()
    within = saved(picture(), target_bpp=3.0).getvalue()
    assert within == codec().target_bpp(picture(), 3.0)[0]
    with pytest.raises(InvalidQuality, match="offers 1 to 8"):
        saved(picture(), quality=75)
    with pytest.raises(ValueError, match="contradict"):
        saved(picture(), quality=3, target_bpp=1.0)
    with pytest.raises(ValueError, match="effort"):
        saved(picture(), target_bpp=3.0, effort=2)
    with pytest.raises(InvalidInput, match="effort 12"):
        saved(picture(), effort=12)


def test_weights_that_were_saved_with_are_in_use(monkeypatch):
    monkeypatch.setattr(pillow, "_used", {})
    assert Image.open(saved(picture())).getpixel((0, 0))


def test_a_file_of_unknown_weights_says_what_to_do(monkeypatch):
    monkeypatch.setattr(pillow, "_used", {})
    opened = Image.open(io.BytesIO(file_of()))  # of the name of a shipped model, other weights
    with pytest.raises(WrongWeights, match=f"{codec().fingerprint.hex()}.*hcfss_jax.pillow.use"):
        opened.load()
    pillow.use(codec())
    assert opened.getpixel((0, 0))


def test_the_model_s_name_in_a_file_is_never_a_path(tmp_path, monkeypatch):
    monkeypatch.setattr(pillow, "_load", lambda path: pytest.fail(f"opened {path}"))
    header, stream, extras = coding.unpack(file_of())
    secret = tmp_path / "s"
    monkeypatch.chdir(tmp_path)
    secret.write_text("not for files to point at")
    forged = dataclasses.replace(header, model="s", fingerprint=b"none")
    with pytest.raises(WrongWeights, match="'s'"):
        Image.open(io.BytesIO(coding.pack(forged, stream, extras))).load()


@pytest.mark.parametrize("data", [b"HCF", b"HCF\x01 and nonsense", file_of()[:20], b"HCE" * 20])
def test_what_is_no_file_of_ours_is_left_to_other_plugins(data):
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(data))


def test_a_broken_profile_is_no_file_of_ours_either():
    header, stream, _ = coding.unpack(file_of())
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(coding.pack(header, stream, {coding.Extra.ICC: b"no zlib"})))


def test_a_file_cut_or_damaged_in_its_pixels_fails_when_they_are_asked_for():
    for look in ("load", "verify"):
        cut = Image.open(io.BytesIO(file_of()[:-20]))
        assert cut.size == (30, 20)
        with pytest.raises(TruncatedFile):
            getattr(cut, look)()
        flipped = Image.open(io.BytesIO(file_of()[:-9] + b"?" + file_of()[-8:]))
        with pytest.raises(CorruptSection):
            getattr(flipped, look)()


def test_pillow_s_own_limit_holds_and_is_the_only_one(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(file_of()))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    monkeypatch.setattr(Codec.decompress, "__defaults__", (200, *Codec.decompress.__defaults__[1:]))
    Image.open(io.BytesIO(file_of())).load()


def test_a_file_that_arrives_in_pieces_is_parsed():
    parser = ImageFile.Parser()
    for start in range(0, len(file_of()), 16):
        parser.feed(file_of()[start : start + 16])
    assert parser.close().getpixel((3, 3)) == codec().decompress(file_of()).getpixel((3, 3))


def test_a_file_that_is_cut_is_shown_where_pillow_is_told_to(monkeypatch):
    data = saved(picture()).getvalue()
    cut = io.BytesIO(data[:-3])
    with pytest.raises(TruncatedFile):
        Image.open(cut).load()
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.warns(Incomplete, match="3 bytes are missing"):
        Image.open(cut).load()
