"""Previews: the first coding steps alone, of whole files and of those that are cut; never what is not there."""

import functools
import itertools
import warnings

import numpy as np
import pytest

from hcfss_jax import coding
from hcfss_jax.codec import Codec
from hcfss_jax.codec.tiles import layout
from hcfss_jax.errors import DecodeMismatch, Incomplete, InvalidInput, TruncatedFile
from tests.small_model import NAME, photo, small_package

HEIGHT, WIDTH = 40, 56
SIDE = 128


@functools.cache
def codec(name: str = NAME, side: int = SIDE) -> Codec:
    return Codec(small_package(name=name), tile=side)


@functools.cache
def file_of(name: str = NAME) -> bytes:
    return codec(name).compress(photo(HEIGHT, WIDTH), 5.0)


def behind_the_first(name: str = NAME) -> int:
    return len(codec(name).model.plan) - 1


@functools.cache
def preview(steps: int, name: str = NAME) -> np.ndarray:
    return np.asarray(codec(name).decompress(file_of(name), steps=steps))


def shown(data: bytes, name: str = NAME, **how) -> np.ndarray:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        picture = np.asarray(codec(name).decompress(data, partial=True, **how))
    assert "the file is cut" in str(told[-1].message) and told[-1].category is Incomplete
    return picture


@pytest.mark.parametrize("name, every", [(NAME, 1), ("fhic-tiny", 17)])
def test_wherever_a_file_is_cut_its_whole_steps_are_shown_and_nothing_else(name, every):
    data, all_steps = file_of(name), behind_the_first(name)
    start = data.index(coding.unpack(data)[1])
    pictures = [preview(steps, name) for steps in range(all_steps + 1)]
    assert all(np.any(a != b) for a, b in itertools.pairwise(pictures))
    found = []
    for length in range(start - 3, len(data), every):
        try:
            picture = shown(data[:length], name)
        except TruncatedFile:
            found.append(-1)
            continue
        found.append(next(k for k, other in enumerate(pictures) if np.array_equal(picture, other)))
    assert found == sorted(found) and {*found} >= {-1, *range(all_steps)}
    np.testing.assert_array_equal(shown(data[:-1], name), pictures[-1])  # all but a checksum


@pytest.mark.parametrize("name", [NAME, "fhic-tiny"])
def test_all_steps_are_the_picture(name):
    whole = np.asarray(codec(name).decompress(file_of(name)))
    np.testing.assert_array_equal(preview(behind_the_first(name), name), whole)
    assert np.any(preview(0, name) != whole)


def test_a_file_that_is_whole_is_read_as_ever_and_told_of_no_loss(recwarn):
    picture = codec().decompress(file_of(), partial=True)
    np.testing.assert_array_equal(picture, codec().decompress(file_of()))
    assert not [each for each in recwarn if each.category is Incomplete]


def test_a_cut_file_is_an_error_unless_it_is_asked_for():
    with pytest.raises(TruncatedFile):
        codec().decompress(file_of()[:-1])
    with pytest.raises(TruncatedFile):
        codec().decompress(file_of()[:-1], steps=0)


@pytest.mark.parametrize("length", [0, 3, 20, 33])
def test_of_a_file_that_is_cut_before_its_picture_nothing_is_shown(length):
    with pytest.raises(TruncatedFile, match="fetch it again"):
        codec().decompress(file_of()[:length], partial=True)


@pytest.mark.parametrize("steps", [-1, 99, 1.5, "2"])
def test_steps_that_the_model_does_not_have_are_named(steps):
    with pytest.raises(InvalidInput, match=f"to {behind_the_first()}, which is all of the picture"):
        codec().decompress(file_of(), steps=steps)


def test_steps_that_are_checked_are_not_shown_wrong():
    """Symbols that differ from those that were written, in a file that says so of each step."""
    plain, checked = (
        codec().compress(photo(HEIGHT, WIDTH), 5.0, step_checks=c) for c in (False, True)
    )
    header, stream, sections = coding.unpack(checked)
    damaged = bytearray(stream)
    damaged[2] ^= 255
    data = coding.pack(header, bytes(damaged), sections)
    with pytest.raises(DecodeMismatch, match="from step 1 of"):
        codec().decompress(data, steps=0)
    with pytest.raises(DecodeMismatch, match="from step 1 of"):
        codec().decompress(data[:-40], partial=True)
    for steps in range(behind_the_first() + 1):
        np.testing.assert_array_equal(
            codec().decompress(checked, steps=steps), codec().decompress(plain, steps=steps)
        )


@functools.cache
def tiled_file() -> bytes:
    return codec().compress(photo(200, 300), 5.0)


def test_of_a_cut_picture_in_tiles_those_that_are_there_are_right_and_the_others_grey():
    data, tiles = tiled_file(), layout(200, 300, SIDE)
    _, stream, sections = coding.unpack(data)
    lengths = coding.TileTable.unpack(sections[coding.Extra.TILES]).lengths
    whole = np.asarray(codec().decompress(data))
    end = len(data) - len(stream) - 4 + sum(lengths[:4]) - 1  # in the last byte of the fourth
    with pytest.warns(
        Incomplete, match="of 6 tiles 3 are as asked for, 1 of fewer steps, and 2 grey"
    ):
        found = np.asarray(codec().decompress(data[:end], partial=True))
    bottom = tiles[3].top
    np.testing.assert_array_equal(found[:bottom], whole[:bottom])
    assert np.all(found[bottom + 16 :, tiles[3].left + tiles[3].width :] == 128)
    assert np.any(found[bottom + 16 :, : tiles[4].left] != 128)
    # What is asked for may be all there, or not at all.
    region = (0, 0, 300, bottom)
    with pytest.warns(Incomplete, match="none of them of what is shown"):
        part = codec().decompress(data[:end], partial=True, region=region)
    np.testing.assert_array_equal(part, whole[:bottom])
    with pytest.raises(TruncatedFile, match="before anything that was asked for"):
        codec().decompress(data[:end], partial=True, region=(290, 190, 300, 200))


def test_a_preview_of_a_region_is_the_crop_of_the_preview():
    region = (80, 88, 180, 101)
    found = codec().decompress(tiled_file(), steps=1, region=region)
    np.testing.assert_array_equal(found, codec().decompress(tiled_file(), steps=1).crop(region))
