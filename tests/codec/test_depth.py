"""Pictures of 9 to 16 bits a channel through files, with a small model."""

import functools
import io
import warnings

import numpy as np
import pytest
from PIL import Image

from hcfss_jax import coding
from hcfss_jax.codec import Codec
from hcfss_jax.codec.tiles import Canvas, layout
from hcfss_jax.errors import CorruptSection, InvalidInput, LeftOut, NotAnHcfFile
from hcfss_jax.pictures.bit_depth import largest, rescaled
from hcfss_jax.pictures.planes import luma
from tests.small_model import photo, small_package


@functools.cache
def codec() -> Codec:
    return Codec(small_package(), tile=128)


def deep_photo(height: int, width: int, depth: int, seed: int = 0) -> np.ndarray:
    """With values between those of eight bits."""
    fine = np.random.default_rng(seed).integers(0, 257, (height, width, 3))
    whole = np.minimum(photo(height, width, seed).astype(int) * 257 + fine, 65535)
    return rescaled(whole.astype(np.uint16), 16, depth)


def beside_eight_bits(fine: np.ndarray) -> float:
    """Of values of sixteen bits between black and white, how many are none of eight."""
    between = fine[(fine > 0) & (fine < 65535)]
    return float(np.mean(between % 257 != 0))


@functools.cache
def file_of(depth: int) -> bytes:
    return codec().compress(deep_photo(40, 50, depth), depth=depth)


@pytest.mark.parametrize("depth", [9, 10, 12, 16])
def test_a_decoder_rounds_to_the_depth_and_makes_what_its_encoder_said(depth):
    encoded = codec().encode(deep_photo(40, 50, depth), depth=depth)
    assert encoded.data == file_of(depth)
    decoded = codec().decode(encoded.data)
    assert (decoded.depth, decoded.grey, decoded.rgb.dtype) == (depth, False, np.uint16)
    np.testing.assert_array_equal(decoded.rgb, encoded.x_hat)
    np.testing.assert_array_equal(codec().decompress_array(encoded.data), encoded.x_hat)
    # The smooth picture of 16 bits, rounded once: no level is further off than half of one.
    fine = codec().decompress_array(encoded.data, depth=16)
    off = decoded.rgb / largest(depth) - fine / largest(16)
    assert np.abs(off).max() * largest(depth) <= 0.5 + largest(depth) / largest(16)
    assert beside_eight_bits(fine) > 0.9


def test_a_file_of_eight_bits_says_nothing_of_depth_and_decodes_to_more():
    data = codec().compress(photo(40, 50))
    assert coding.Extra.DEPTH not in coding.unpack(data)[2]
    assert codec().decompress_array(data).dtype == np.uint8
    fine = codec().decompress_array(data, depth=16)
    assert fine.dtype == np.uint16 and beside_eight_bits(fine) > 0.9
    off = fine / 257 - codec().decompress_array(data)
    assert np.abs(off).max() <= 0.5 + 1 / 257
    for depth in (7, 17, 10.5, True):
        with pytest.raises(InvalidInput, match="8 to 16 bits"):
            codec().decompress_array(data, depth=depth)


def test_the_symbols_follow_from_the_values_whatever_depth_they_are_told_at():
    """Eight bits as sixteen are the same floats but for a rounding, and a file of the same size or nearly."""
    eight = photo(40, 50)
    deep = codec().compress(rescaled(eight, 8, 16))
    assert abs(len(deep) - len(codec().compress(eight)) - 4) <= 8  # a section more


@pytest.mark.parametrize("depth", [10, 16])
def test_tiles_fade_and_alpha_stays_at_the_depth(depth):
    rgba = np.dstack([deep_photo(150, 250, depth), deep_photo(150, 250, depth, 1)[..., 0]])
    encoded = codec().encode(rgba, depth=depth)
    decoded = codec().decompress_array(encoded.data)
    np.testing.assert_array_equal(decoded[..., :3], encoded.x_hat)
    np.testing.assert_array_equal(decoded[..., 3], rgba[..., 3])
    eight = codec().decompress_array(encoded.data, depth=8)
    np.testing.assert_array_equal(eight[..., 3], rescaled(rgba[..., 3], depth, 8))


def test_tiles_of_white_are_white_and_seams_lie_between_their_sides():
    for value in (0, 40000, 65535):
        canvas = Canvas(300, 200, np.uint16)
        for tile in layout(300, 200, 128):
            canvas.lay(tile, np.full((tile.height, tile.width, 3), value, np.uint16))
        assert (canvas.rgb == value).all()
    canvas = Canvas(100, 250, np.uint16)
    for number, tile in enumerate(layout(100, 250, 128)):
        canvas.lay(tile, np.full((tile.height, tile.width, 3), 65535 * (number % 2), np.uint16))
    fade = canvas.rgb[0, layout(100, 250, 128)[1].left :, 0][:16].astype(int)
    weights = np.arange(1, 32, 2)
    np.testing.assert_array_equal(fade, (65535 * weights + 16) // 32)  # as docs/format.md has it


def test_grey_is_one_channel_at_its_depth():
    grey = deep_photo(40, 50, 12)[..., 0]
    encoded = codec().encode(grey, depth=12)
    decoded = codec().decode(encoded.data)
    assert decoded.grey and decoded.depth == 12
    array = codec().decompress_array(encoded.data)
    np.testing.assert_array_equal(array, luma(decoded.rgb))
    np.testing.assert_array_equal(encoded.x_hat, np.stack([array] * 3, -1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = codec().decompress(encoded.data)
    assert image.mode == "I;16"
    np.testing.assert_array_equal(np.asarray(image), rescaled(array, 12, 16))


def test_what_pillow_cannot_hold_is_told():
    with pytest.warns(LeftOut, match="10 bits a channel, and .* 8: decompress_array and decode"):
        image = codec().decompress(file_of(10))
    assert image.mode == "RGB"
    expected = rescaled(codec().decompress_array(file_of(10)), 10, 8)
    np.testing.assert_array_equal(np.asarray(image), expected)


def test_a_decoded_picture_can_be_compressed_as_it_is():
    decoded = codec().decode(file_of(10))
    again = codec().decode(codec().compress(decoded))
    assert (again.depth, again.rgb.shape) == (10, decoded.rgb.shape)
    data, quality = codec().target_bpp(decoded, 8)
    assert codec().decode(data).depth == 10 and quality >= 1


def test_forged_depths_are_corrupt_and_older_readers_refuse_the_section():
    header, stream, sections = coding.unpack(file_of(10))
    for forged in (b"", b"\x08", b"\x11", b"\x00", b"\x0a\x0a"):
        data = coding.pack(header, stream, {**sections, coding.Extra.DEPTH: forged})
        with pytest.raises(CorruptSection, match="depth"):
            codec().decode(data)
    assert coding.Extra.DEPTH < 128
    with pytest.raises(NotAnHcfFile, match="type 127"):
        codec().decode(coding.pack(header, stream, {127: b"\x0a"}))


def alpha_of(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def test_an_alpha_plane_of_another_depth_is_corrupt():
    header, stream, sections = coding.unpack(file_of(10))
    shallow, beyond = np.zeros((40, 50), np.uint8), np.full((40, 50), 1024, np.uint16)
    for plane in (shallow, beyond):
        forged = {**sections, coding.Extra.ALPHA: alpha_of(plane)}
        with pytest.raises(CorruptSection, match="alpha"):
            codec().decode(coding.pack(header, stream, forged))
    header, stream, _ = coding.unpack(codec().compress(photo(40, 50)))
    with pytest.raises(CorruptSection, match="not L"):
        codec().decode(coding.pack(header, stream, {coding.Extra.ALPHA: alpha_of(beyond)}))
