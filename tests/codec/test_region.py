"""Regions: a part of a picture, decoded from the tiles that it lies in, is the crop of the whole."""

import dataclasses
import functools
import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from hcfss_jax import coding
from hcfss_jax.codec import Codec
from hcfss_jax.codec.compiled_model import CodingPasses
from hcfss_jax.codec.tiles import Tile, layout, touched
from hcfss_jax.errors import CorruptSection, DecodeMismatch, ImageTooLarge, InvalidInput
from tests.small_model import photo, small_package

SIDE = 128
HEIGHT, WIDTH = 200, 300
REGIONS = [
    (0, 0, WIDTH, HEIGHT),
    (0, 0, 1, 1),
    (WIDTH - 1, HEIGHT - 1, WIDTH, HEIGHT),
    (40, 30, 60, 50),  # inside of one tile
    (80, 88, 120, 101),  # across borders, where tiles fade into each other
    (299, 0, 300, 200),
]


@functools.cache
def codec() -> Codec:
    return Codec(small_package(), tile=SIDE)


@functools.cache
def tiled_file() -> bytes:
    return codec().compress(photo(HEIGHT, WIDTH), 4.0)


@functools.cache
def whole() -> Image.Image:
    return codec().decompress(tiled_file())


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_is_the_crop_of_the_whole_to_the_bit(region):
    found = codec().decompress(tiled_file(), region=region)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(whole().crop(region)))


def test_of_a_picture_in_one_piece_it_is_the_crop_too():
    data = codec().compress(photo(70, 90), 4.0)
    found = codec().decompress(data, region=np.array([5, 6, 21, 40]))
    np.testing.assert_array_equal(found, codec().decompress(data).crop((5, 6, 21, 40)))


@pytest.mark.parametrize(
    "height, width, part", [(1000, 777, Tile(100, 90, 33, 500)), (129, 5000, Tile(0, 0, 129, 5000))]
)
def test_tiles_that_a_part_does_not_touch_have_no_pixel_in_it(height, width, part):
    needed = touched(height, width, SIDE, part)
    for number, tile in enumerate(layout(height, width, SIDE)):
        covered = np.zeros((height, width), bool)
        tile.of(covered)[:] = True
        assert part.of(covered).any() == (needed.get(number) == tile)


def test_only_the_tiles_that_it_lies_in_are_decoded(monkeypatch):
    sizes, of = [], CodingPasses.of
    monkeypatch.setattr(
        CodingPasses, "of", lambda self, *size: (sizes.append(size[:2]), of(self, *size))[1]
    )
    seen: list[Tile] = []
    codec().decompress(
        tiled_file(),
        region=(150, 110, 160, 130),
        progress=lambda tiles: seen.extend(tiles) or tiles,
    )
    part = Tile(110, 150, 20, 10)
    assert seen == [*touched(HEIGHT, WIDTH, SIDE, part).values()]
    assert sizes == [(tile.height, tile.width) for tile in seen] and len(seen) < 5


@pytest.mark.parametrize(
    "region, told",
    [
        ((0, 0, WIDTH + 1, HEIGHT), "outside of the picture of 300x200"),
        ((-1, 0, 20, 20), "outside"),
        ((20, 20, 20, 40), "holds no pixel"),
        ((20, 40, 30, 20), "holds no pixel"),
        ((0, 0, 20), "four whole numbers"),
        ((0, 0, 20, 20.5), "four whole numbers"),
        ("0123", "four whole numbers"),
        (b"\0\0\7\7", "four whole numbers"),
        (7, "four whole numbers"),
    ],
)
def test_what_is_no_region_of_the_picture_is_refused_before_a_pixel_is_decoded(
    region, told, monkeypatch
):
    monkeypatch.setattr(CodingPasses, "of", None)
    with pytest.raises(InvalidInput, match=told):
        codec().decompress(tiled_file(), region=region)


def test_a_limit_of_pixels_is_of_those_that_are_decoded():
    assert codec().decompress(tiled_file(), 128 * 128, region=(0, 0, 9, 9)).size == (9, 9)
    with pytest.raises(ImageTooLarge, match="raise max_pixels"):
        codec().decompress(tiled_file(), 128 * 128, region=(90, 0, 150, 9))


def test_a_region_of_a_picture_of_any_size_costs_no_more_than_its_tiles():
    """Of a file that claims 262144x262144 pixels in tiles that are never looked at."""
    side, sides = 2048, 262144
    count = len(layout(16 + 2016, sides, side)) ** 2
    header, _, _ = coding.unpack(codec().compress(photo(64, 64), 4.0))
    table = coding.TileTable(side, [0] * count, [header.symbols_crc] * count)
    header = dataclasses.replace(header, width=sides, height=sides)
    data = coding.pack(header, b"", {coding.Extra.TILES: table.pack()})
    with pytest.raises(ImageTooLarge):
        codec().decompress(data)
    with pytest.raises(ImageTooLarge):
        codec().decompress(data, region=(0, 0, 100_000, 100_000))
    assert len(touched(sides, sides, side, Tile(0, 0, 512, 512))) == 1


def test_damage_outside_of_a_region_is_no_news_and_inside_is():
    header, stream, sections = coding.unpack(tiled_file())
    table = coding.TileTable.unpack(sections[coding.Extra.TILES])
    damaged = bytearray(stream)
    damaged[-table.lengths[-1] + 5] ^= 255
    data = coding.pack(header, bytes(damaged), sections)
    found = codec().decompress(data, region=(0, 0, 50, 50))
    np.testing.assert_array_equal(found, whole().crop((0, 0, 50, 50)))
    with pytest.raises(DecodeMismatch):
        codec().decompress(data, region=(WIDTH - 9, HEIGHT - 9, WIDTH, HEIGHT))


def with_all_that_a_picture_carries(colour: str) -> Image.Image:
    image = Image.fromarray(photo(HEIGHT, WIDTH)).convert(colour)
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "a camera"
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    inner[ExifTags.Base.ExifImageWidth], inner[ExifTags.Base.ExifImageHeight] = WIDTH, HEIGHT
    image.info["exif"] = exif.tobytes()
    image.info["xmp"] = (
        b'<x exif:PixelXDimension="300"><exif:PixelYDimension>200</exif:PixelYDimension></x>'
    )
    image.info["dpi"] = (300.0, 150.0)
    image.putalpha(Image.fromarray(photo(HEIGHT, WIDTH, seed=1)[..., 0]))
    return image


@pytest.mark.parametrize("colour", ["RGB", "L"])
def test_what_the_picture_carries_comes_along_and_says_the_size_of_the_region(colour):
    image, region = with_all_that_a_picture_carries(colour), (70, 60, 170, 140)
    data = codec().compress(image, 4.0)
    found = codec().decompress(data, region=region)
    assert found.mode == colour + "A"
    np.testing.assert_array_equal(found, codec().decompress(data).crop(region))
    assert found.info["dpi"] == (300.0, 150.0)
    exif = Image.Exif()
    exif.load(found.info["exif"])
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    assert exif[ExifTags.Base.Make] == "a camera"
    assert (inner[ExifTags.Base.ExifImageWidth], inner[ExifTags.Base.ExifImageHeight]) == (100, 80)
    assert found.info["xmp"] == (
        b'<x exif:PixelXDimension="100"><exif:PixelYDimension>80</exif:PixelYDimension></x>'
    )
    assert codec().decompress(data).info["exif"] == image.info["exif"]


def test_an_alpha_plane_of_another_size_than_the_picture_is_refused_for_a_region_too():
    header, stream, sections = coding.unpack(tiled_file())
    buffer = io.BytesIO()
    Image.new("L", (50, 50)).save(buffer, "PNG")
    data = coding.pack(header, stream, {**sections, coding.Extra.ALPHA: buffer.getvalue()})
    with pytest.raises(CorruptSection, match="alpha"):
        codec().decompress(data, region=(0, 0, 50, 50))
