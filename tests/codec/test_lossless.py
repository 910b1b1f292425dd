"""Files with a residual: the image to the bit, or to within a bound; and the picture below."""

import functools
import zlib

import numpy as np
import pytest
from PIL import Image

from hcfss_jax import coding
from hcfss_jax.codec import Codec
from hcfss_jax.codec.occurring_values import OccurringValues
from hcfss_jax.codec.residual_section import apply_residual, pack_residual
from hcfss_jax.coding.container import SKIPPABLE, Extra
from hcfss_jax.errors import (
    CorruptSection,
    DecodeMismatch,
    Incomplete,
    InvalidInput,
    TruncatedFile,
)
from hcfss_jax.pictures.planes import Planes
from tests.small_model import photo, small_package


@functools.cache
def codec() -> Codec:
    return Codec(small_package(), tile=128)


def picture(mode: str, height: int = 31, width: int = 70) -> Image.Image:
    return Image.fromarray(
        np.dstack([photo(height, width), photo(height, width, 1)[..., 0]])
    ).convert(mode)


def off_by(a: Image.Image, b: Image.Image) -> int:
    return int(np.abs(np.asarray(a, int) - np.asarray(b, int)).max())


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_an_image_comes_back_to_the_bit_in_its_mode(mode):
    image = picture(mode)
    decoded = codec().decompress(codec().compress(image, max_error=0))
    assert decoded.mode == mode
    assert off_by(decoded, image) == 0


def test_a_picture_of_tiles_comes_back_to_the_bit_and_the_base_is_what_it_is_without():
    image = picture("RGB", 51, 141)
    data = codec().compress(image, 2.0, max_error=0)
    header, _, sections = coding.unpack(data)
    assert header.quality == 2 and coding.Extra.TILES in sections
    assert off_by(codec().decompress(data), image) == 0
    alone = codec().decompress(codec().compress(image, 2.0, exact=True))
    assert off_by(codec().decompress(data, base=True), alone) == 0
    assert off_by(alone, image) > 0
    # Nor can a residual do without exact pixels.
    assert off_by(codec().decompress(data, exact=False), image) == 0


@pytest.mark.parametrize("max_error", [1, 4, 254])
def test_no_value_is_off_by_more_than_the_bound(max_error):
    image = picture("RGB")
    data = codec().compress(image, max_error=max_error)
    assert off_by(codec().decompress(data), image) <= max_error
    assert len(data) < len(codec().compress(image, max_error=0))


def test_where_no_quality_is_given_that_of_the_base_is_the_lowest():
    header, _, _ = coding.unpack(codec().compress(picture("L"), max_error=0))
    assert header.quality == codec().base_quality == 1


@pytest.mark.parametrize("max_error", [-1, 255, 1.0, True, "2"])
def test_a_bound_that_is_none_is_refused(max_error):
    with pytest.raises(InvalidInput, match="whole number from 0"):
        codec().compress(picture("L"), max_error=max_error)


def test_readers_that_do_not_know_the_section_refuse_the_file():
    assert coding.Extra.RESIDUAL < SKIPPABLE


def test_damage_and_another_base_are_named():
    truth, base = photo(31, 70), photo(31, 70, 1)
    sections = pack_residual(Planes(truth), base, max_error=0)
    assert sections.keys() == {Extra.RESIDUAL}
    section = sections[Extra.RESIDUAL]

    def apply(section: bytes, below: np.ndarray = base) -> np.ndarray:
        return apply_residual({Extra.RESIDUAL: section}, below, grey=False)

    np.testing.assert_array_equal(apply(section), truth)
    with pytest.raises(DecodeMismatch, match="--base"):
        apply(section[:1] + bytes(4) + section[5:])
    with pytest.raises((CorruptSection, DecodeMismatch)):
        apply(section, truth)
    with pytest.raises(TruncatedFile):
        apply(section[:-1])
    with pytest.raises(CorruptSection, match="follow"):
        apply(section + b"\0")
    with pytest.raises(CorruptSection, match="claims errors"):
        apply(b"\xff\x01" + section[1:])


def test_a_picture_of_eight_bits_in_sixteen_takes_hardly_more():
    eight, base = photo(31, 70), photo(31, 70, 1)
    plain = pack_residual(Planes(eight), base, max_error=0)
    sixteen = Planes(257 * eight.astype(np.uint16), depth=16)
    sections = pack_residual(sixteen, base, max_error=0)
    assert sum(map(len, sections.values())) < sum(map(len, plain.values())) + 200
    assert Extra.VALUES < SKIPPABLE
    np.testing.assert_array_equal(apply_residual(sections, base, False, depth=16), sixteen.rgb)


@pytest.mark.parametrize("grey", [False, True])
def test_values_that_never_occur_take_no_bits(grey):
    rng = np.random.default_rng(0)
    stretched = np.repeat(rng.choice(256, 9, replace=False).astype(np.uint8), 28)[:, None]
    truth = stretched[photo(31, 70)[..., 0] % 252].repeat(3, -1)  # nine levels
    base = photo(31, 70, 1)
    sections = pack_residual(Planes(truth, grey=grey), base, max_error=0)
    assert Extra.VALUES in sections
    np.testing.assert_array_equal(apply_residual(sections, base, grey), truth)


def test_a_bound_never_takes_more_than_none():
    eight, base = photo(31, 70), photo(31, 70, 1)
    sixteen = Planes(257 * eight.astype(np.uint16), depth=16)
    lossless = pack_residual(sixteen, base, max_error=0)
    assert pack_residual(sixteen, base, max_error=1) == lossless
    far = pack_residual(sixteen, base, max_error=2000)
    assert sum(map(len, far.values())) < sum(map(len, lossless.values()))


def test_of_a_cut_file_the_residual_counts_where_all_below_it_is_there():
    image = picture("RGB")
    data = codec().compress(image, max_error=0)
    with pytest.warns(Incomplete, match="none of them of what is shown"):
        assert off_by(codec().decompress(data[:-3], partial=True), image) == 0
    with pytest.warns(Incomplete, match="the picture is the one below its residual"):
        codec().decompress(data[:-9], partial=True)
    with pytest.raises(TruncatedFile, match=r"section 5 \(residual\)"):
        codec().decompress(data[:900], partial=True)


def test_values_that_occur_are_named_where_they_are_damaged():
    values = OccurringValues.of(np.array([[[3], [200]]], np.uint8))
    section = values.pack(8)
    np.testing.assert_array_equal(OccurringValues.unpack(section, 1, 8).channels[0], [3, 200])
    np.testing.assert_array_equal(
        values.places(np.array([[[0], [101], [102], [255]]], np.uint8))[0, :, 0], [0, 0, 1, 1]
    )
    with pytest.raises(CorruptSection, match="beyond the values"):
        values.at(np.full((1, 1, 1), 2, np.uint8))
    bomb = zlib.compress(bytes(1 << 20))
    for damaged in (b"", b"no zlib", bomb, section[:-1], section + b"\0", zlib.compress(bytes(32))):
        with pytest.raises(CorruptSection, match="values that occur"):
            OccurringValues.unpack(damaged, 1, 8)
    with pytest.raises(CorruptSection, match="belong to a lossless"):
        sections = {Extra.RESIDUAL: b"\1" + bytes(5), Extra.VALUES: section}
        apply_residual(sections, photo(1, 1), grey=True)


def test_sixteen_bits_come_back_to_the_bit_and_a_bound_of_theirs_holds():
    rng = np.random.default_rng(0)
    smooth = 257 * photo(40, 33).astype(np.int64) + rng.integers(-90, 91, (40, 33, 3))
    picture = np.clip(smooth, 0, 65535).astype(np.uint16)
    with_alpha = np.dstack([picture, picture[..., 0]])
    np.testing.assert_array_equal(
        codec().decompress_array(codec().compress(with_alpha, max_error=0)), with_alpha
    )
    grey = codec().compress(picture[..., 1], max_error=0)
    np.testing.assert_array_equal(codec().decompress_array(grey), picture[..., 1])
    near = codec().decompress_array(codec().compress(picture, max_error=300)).astype(int)
    assert 0 < np.abs(near - picture).max() <= 300
    ten = picture >> 6
    data = codec().compress(ten, max_error=0, depth=10)
    np.testing.assert_array_equal(codec().decompress_array(data), ten)
    shown = codec().decompress_array(data, depth=8)
    np.testing.assert_array_equal(shown, (ten.astype(int) * 255 + 511) // 1023)
    with pytest.raises(InvalidInput, match="to 1022"):
        codec().compress(ten, max_error=1023, depth=10)


def test_exact_pixels_alone_are_of_eight_bits():
    with pytest.raises(InvalidInput, match="exact pixels are of 8 bits a channel"):
        codec().compress(np.zeros((8, 8, 3), np.uint16), exact=True)


def test_a_region_of_a_lossless_file_is_lossless_and_a_preview_is_of_its_base():
    picture = photo(63, 65)
    data = codec().compress(picture, 3.0, max_error=0)
    part = codec().decompress(data, region=(10, 20, 50, 60))
    np.testing.assert_array_equal(np.asarray(part), picture[20:60, 10:50])
    preview = codec().decompress(data, steps=1)
    base = codec().decompress(data, steps=1, base=True)
    np.testing.assert_array_equal(np.asarray(preview), np.asarray(base))
