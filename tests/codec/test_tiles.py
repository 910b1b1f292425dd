"""Large pictures: tiles that cover them, that fade into each other, and that a file holds one by one."""

import dataclasses
import functools
import itertools

import numpy as np
import pytest

from hcfss_jax import coding
from hcfss_jax.codec import Codec
from hcfss_jax.codec.limits import check_work
from hcfss_jax.codec.tiles import LARGEST_TILE, OVERLAP, Canvas, layout, tile_count
from hcfss_jax.errors import CorruptSection, DecodeMismatch, HcfError, ImageTooLarge
from hcfss_jax.metrics import psnr
from tests.small_model import photo, small_package

SIDE = 128
SIZES = [(129, 1), (129, 128), (130, 257), (1000, 1000), (128, 5000), (4097, 333)]


@functools.cache
def codec() -> Codec:
    return Codec(small_package(), tile=SIDE)


@functools.cache
def tiled_file() -> bytes:
    return codec().compress(photo(200, 300), 4.0)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_tiles_cover_a_picture_and_share_their_borders(height, width):
    tiles = layout(height, width, SIDE)
    covered = np.zeros((height, width), int)
    for tile in tiles:
        assert tile.height <= SIDE and tile.width <= SIDE
        assert tile.top % 16 == tile.left % 16 == 0
        tile.of(covered)[:] += 1
    assert covered.min() == 1 and covered.max() <= 4
    for before, tile in itertools.pairwise(tiles):
        if tile.left:
            assert before.left + before.width - tile.left == OVERLAP
        else:
            assert before.top + before.height - tile.top == OVERLAP


def test_what_fits_one_tile_is_one():
    assert len(layout(LARGEST_TILE, LARGEST_TILE)) == 1
    assert len(layout(LARGEST_TILE + 1, 1)) == 2


def test_tiles_of_one_picture_make_that_picture():
    rgb = photo(300, 411)
    canvas = Canvas(*rgb.shape[:2])
    for tile in layout(300, 411, SIDE):
        canvas.lay(tile, tile.of(rgb))
    np.testing.assert_array_equal(canvas.rgb, rgb)


def test_one_tile_fades_into_the_next():
    canvas = Canvas(SIDE + 100, 8)
    for tile, grey in zip(layout(SIDE + 100, 8, SIDE), (0, 255), strict=False):
        canvas.lay(tile, np.full((tile.height, tile.width, 3), grey, np.uint8))
    column = canvas.rgb[: layout(SIDE + 100, 8, SIDE)[1].height, 0, 0].astype(int)
    steps = np.diff(column)
    assert steps.min() >= 0 and steps.max() <= 255 // OVERLAP + 1


def test_a_tiled_picture_comes_back_as_the_encoder_said_to_the_bit():
    picture = photo(200, 300)
    encoded = codec().encode(picture, 4.0)
    assert encoded.data == tiled_file()
    decoded = np.asarray(codec().decompress(encoded.data))
    np.testing.assert_array_equal(decoded, encoded.x_hat)
    # Any reader reads it, whatever it would have written itself.
    np.testing.assert_array_equal(
        np.asarray(Codec(small_package()).decompress(encoded.data)), decoded
    )
    whole = Codec(small_package()).encode(picture, 4.0)
    assert len(encoded.data) < 2.5 * len(whole.data)  # such small tiles are mostly overlap
    assert psnr(decoded, picture) == pytest.approx(psnr(whole.x_hat, picture), abs=1)
    assert 8 * len(encoded.data) == pytest.approx(encoded.estimated_bits, rel=0.1)


def test_the_tiles_are_walked_through_what_the_caller_gives():
    seen: list = []

    def progress(tiles):
        seen.append(len(tiles))
        return tiles

    codec().decompress(codec().compress(photo(200, 300), progress=progress), progress=progress)
    assert seen == [len(layout(200, 300, SIDE))] * 2


def test_a_tile_that_is_read_wrongly_is_found_at_once(monkeypatch):
    header, stream, sections = coding.unpack(tiled_file())
    table = coding.TileTable.unpack(sections[coding.Extra.TILES])
    damaged = bytearray(stream)
    damaged[5] ^= 255
    data = coding.pack(header, bytes(damaged), sections)
    laid: list = []
    monkeypatch.setattr(Canvas, "lay", lambda *args: laid.append(args))
    with pytest.raises(DecodeMismatch):
        codec().decompress(data)
    assert not laid and len(table.lengths) == len(layout(200, 300, SIDE))


def forged(**changes) -> bytes:
    header, stream, sections = coding.unpack(tiled_file())
    table = coding.TileTable.unpack(sections[coding.Extra.TILES])
    table = dataclasses.replace(table, **changes)
    return coding.pack(header, stream, {**sections, coding.Extra.TILES: table.pack()})


@pytest.mark.parametrize(
    "changes",
    [
        {"side": 0},
        {"side": 1 << 20},
        {"side": 256},
        {"lengths": [], "checks": []},
        {"lengths": [1 << 30] * 9, "checks": [0] * 9},
    ],
)
def test_tiles_that_contradict_their_picture_are_refused(changes):
    with pytest.raises(HcfError):
        codec().decompress(forged(**changes))


def test_a_large_picture_in_one_piece_is_refused_before_it_costs_memory():
    header, stream, _ = coding.unpack(tiled_file())
    header = dataclasses.replace(header, width=LARGEST_TILE + 1, height=1)
    with pytest.raises(CorruptSection, match="in one piece"):
        codec().decompress(coding.pack(header, stream))


def thin_file(width: int) -> bytes:
    header, stream, _ = coding.unpack(tiled_file())
    header = dataclasses.replace(header, width=width, height=1)
    count = tile_count(1, width, SIDE)
    table = coding.TileTable(SIDE, [len(stream)] + [0] * (count - 1), [header.symbols_crc] * count)
    return coding.pack(header, stream, {coding.Extra.TILES: table.pack()})


@pytest.mark.parametrize("width", [1 << 16, 1 << 22])
def test_a_picture_so_thin_that_its_tiles_cost_far_more_is_refused(width):
    with pytest.raises(ImageTooLarge, match="too thin"):
        codec().decompress(thin_file(width), max_pixels=1 << 22)


def test_a_thin_picture_is_refused_before_it_is_coded():
    with pytest.raises(ImageTooLarge, match="too thin"):
        codec().compress(np.zeros((1, 1 << 22, 3), np.uint8))


@pytest.mark.parametrize("sides", [(2049, 2049), (2049, 1), (2100, 1030), (4100, 1025)])
def test_what_just_needs_tiles_is_not_too_thin(sides):
    check_work(codec().model, *sides, LARGEST_TILE, sides[0] * sides[1])


@pytest.mark.parametrize("side", [0, LARGEST_TILE + 1])
def test_a_tile_that_no_file_may_have_is_refused(side):
    with pytest.raises(ValueError, match="tile"):
        Codec(small_package(), tile=side)
