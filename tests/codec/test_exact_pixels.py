"""Exact pixels: machines whose floats differ in the last digits decode the same ones, to the bit."""

import dataclasses
import functools

import numpy as np
import pytest
from PIL import Image

from hcfss_jax import coding
from hcfss_jax.codec import Codec
from hcfss_jax.codec.compiled_model import PicturePasses
from hcfss_jax.codec.exact_pixels import SAFETY, find_exact, make_exact
from hcfss_jax.coding.container import SKIPPABLE
from hcfss_jax.entropy.margins import UNMEASURED_PIXELS, pixel_noise
from hcfss_jax.errors import CorruptSection, DecodeMismatch, LeftOut, TruncatedFile, WrongWeights
from tests.small_model import photo, small_package

NOISE = 2e-5  # levels, as of hcfssnet-tiny at quality 4


@functools.cache
def codec(tile: int = 2048) -> Codec:
    return Codec(small_package(), tile=tile)


@functools.cache
def values(height: int = 200, width: int = 300) -> np.ndarray:
    """x_hat of no special kind, some of it outside of [0, 1]."""
    rng = np.random.default_rng(3)
    return rng.uniform(-0.1, 1.1, (height, width, 3)).astype(np.float32)


def off_by(x_hat: np.ndarray, noise: float, seed: int = 0) -> np.ndarray:
    """The same on a machine whose values lie so many levels of 8 bits off on average."""
    rng = np.random.default_rng(seed)
    return x_hat.astype(np.float64) + rng.laplace(scale=noise, size=x_hat.shape) / 255


def elsewhere(monkeypatch, noise: float) -> None:
    """From here on, a machine whose pixels lie so many levels off on average."""
    here = PicturePasses.synthesise_floats
    monkeypatch.setattr(
        PicturePasses, "synthesise_floats", lambda *args: off_by(here(*args), noise)
    )


@pytest.mark.parametrize("levels", [255, 1023, 65535])
def test_exact_pixels_are_those_next_to_the_values(levels):
    pixels, told = make_exact(values(), NOISE, levels)
    assert pixels.dtype == (np.uint8 if levels == 255 else np.uint16)
    assert told.shift == 0
    away = np.abs(pixels - np.clip(levels * values().astype(float), 0, levels))
    assert away.max() <= 0.5
    np.testing.assert_array_equal(find_exact(values(), told, levels), pixels)


@pytest.mark.parametrize("seed", range(10))
def test_a_machine_that_lies_as_far_off_as_measured_or_twice_finds_the_same(seed):
    pixels, told = make_exact(values(), NOISE)
    assert told.words.size == 1
    for noise in (NOISE, 2 * NOISE):
        theirs = off_by(values(), noise, seed)
        np.testing.assert_array_equal(find_exact(theirs, told), pixels)


def test_without_parities_such_a_machine_would_make_other_pixels():
    pixels, told = make_exact(values(), NOISE)
    theirs = off_by(values(), 3 * NOISE)
    assert np.any(make_exact(theirs, NOISE)[0] != pixels)
    with pytest.raises(DecodeMismatch, match="diagnose FILE.*exact=False, --no-exact"):
        find_exact(theirs, dataclasses.replace(told, words=told.words[:0]))


def test_a_machine_that_lies_far_off_says_so_and_shows_nothing():
    _, told = make_exact(values(), NOISE)
    with pytest.raises(DecodeMismatch):
        find_exact(off_by(values(), 100 * NOISE), told)
    with pytest.raises(DecodeMismatch):
        find_exact(np.full_like(values(), np.nan), told)


def test_no_file_has_more_words_than_the_format_takes():
    """16 bits a value: noise of the same floats is 257 times as many levels."""
    pixels, told = make_exact(values(60, 80), 257 * NOISE / SAFETY, 65535)
    assert told.words.size == 1 + values(60, 80).size // 2**14 == 1
    np.testing.assert_array_equal(find_exact(values(60, 80), told, 65535), pixels)


def test_many_equal_values_in_doubt_are_rounded_elsewhere():
    """A flat ground just at a step: on another machine all of it would come out one level higher, at once."""
    flat = np.full((100, 120, 3), np.float32(127.5 / 255))
    pixels, told = make_exact(flat, NOISE)
    assert told.shift != 0 and told.words.size == 1
    np.testing.assert_array_equal(find_exact(flat + np.float32(1e-6), told), pixels)
    np.testing.assert_array_equal(find_exact(flat - np.float32(1e-6), told), pixels)


@pytest.mark.parametrize(
    ("height", "width", "tile"), [(1, 1, 2048), (63, 65, 2048), (150, 250, 128)]
)
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_every_machine_decodes_what_the_encoder_said(monkeypatch, height, width, tile, mode):
    picture = Image.fromarray(photo(height, width)).convert(mode)
    encoded = codec(tile).encode(picture, 4.0, exact=True)
    elsewhere(monkeypatch, UNMEASURED_PIXELS)
    decoded = codec().decompress(encoded.data)
    assert decoded.mode == mode
    np.testing.assert_array_equal(np.asarray(decoded.convert("RGB")), encoded.x_hat)


def test_a_machine_too_far_off_shows_the_picture_when_asked_without_the_claim(monkeypatch):
    picture = photo(63, 65)
    data = codec().compress(picture, 4.0, exact=True)
    plain = codec().decompress(codec().compress(picture, 4.0))
    elsewhere(monkeypatch, 0.3)
    with pytest.raises(DecodeMismatch):
        codec().decompress(data)
    np.testing.assert_array_equal(codec().decompress(data, exact=False), plain)


def test_another_depth_than_that_of_the_exact_pixels_is_told():
    data = codec().compress(photo(63, 65), 4.0, exact=True)
    with pytest.warns(LeftOut, match="exact pixels of 8 bits: of 10 bits"):
        codec().decode(data, depth=10)


def test_the_section_is_all_that_differs_and_a_reader_that_does_not_know_it_passes_over_it():
    picture = photo(63, 65)
    plain, exact = (codec().compress(picture, 4.0, exact=exact) for exact in (False, True))
    header, stream, sections = coding.unpack(exact)
    assert [*sections] == [coding.Extra.EXACT] and coding.Extra.EXACT >= SKIPPABLE
    assert coding.pack(header, stream) == plain
    assert len(exact) - len(plain) == 3 + 4 + 1 + 1 + 8
    stranger = coding.pack(header, stream, {200: sections[coding.Extra.EXACT]})
    np.testing.assert_array_equal(codec().decompress(stranger), codec().decompress(plain))


def test_a_target_counts_the_section():
    picture = photo(64, 64)
    bpp = 8 * len(codec().compress(picture, 3.0, exact=True)) / 64**2
    data, quality = codec().target_bpp(picture, bpp, exact=True)
    assert quality > 2 and 8 * len(data) / 64**2 <= bpp
    assert coding.Extra.EXACT in coding.unpack(data)[2]


def forged(change) -> bytes:
    header, stream, sections = coding.unpack(codec().compress(photo(63, 65), 4.0, exact=True))
    return coding.pack(header, stream, {coding.Extra.EXACT: change(sections[coding.Extra.EXACT])})


@pytest.mark.parametrize(
    "change",
    [
        lambda told: b"",
        lambda told: told[:-1],
        lambda told: told + told,  # of two tiles
        lambda told: told[:4] + b"\x11" + told[5:],  # no such shift
        lambda told: told[:5] + b"\x02" + told[6:] + bytes(8),  # more words than so few values take
        lambda told: told[:5] + b"\xff\xff\xff\xff\x7f",  # and very many
    ],
)
def test_a_section_that_is_none_is_corrupt(change):
    with pytest.raises((CorruptSection, TruncatedFile)):
        codec().decompress(forged(change))


@pytest.mark.parametrize("place", [0, 4, 6])  # check, shift, parities
def test_a_section_of_other_pixels_is_a_mismatch_and_no_picture(place):
    def change(told: bytes) -> bytes:
        return told[:place] + bytes([told[place] ^ 1]) + told[place + 1 :]

    with pytest.raises(DecodeMismatch):
        codec().decompress(forged(change))


def test_parities_are_as_many_as_the_record_of_the_weights_asks_for():
    few = {"qualities": [1.0, 8.0], "largest": [[1e-5, 1e-5]] * 2}
    record = {**few, "pixels": {"mean": [2e-4, 2e-5], "largest": [2e-3, 2e-4]}}
    assert pixel_noise(None, 4.0) == pixel_noise(few, 4.0) == UNMEASURED_PIXELS
    assert pixel_noise(record, 4.5) == pytest.approx((2e-4 + 2e-5) / 2)
    words = [make_exact(values(), pixel_noise(record, q))[1].words.size for q in (1.0, 4.5, 8.0)]
    assert words[0] > words[1] > words[2] == 1


@pytest.mark.parametrize("pixels", [7, {}, {"mean": [1e-5]}, {"mean": [-1.0, 1.0]}])
def test_weights_with_a_broken_record_of_pixels_are_named(pixels):
    noise = {"qualities": [1.0, 8.0], "largest": [[1e-5, 1e-5]] * 2, "pixels": pixels}
    with pytest.raises(WrongWeights, match="noise"):
        Codec(dataclasses.replace(small_package(), meta={"noise": noise}))


def test_a_file_that_is_not_exact_makes_no_floats(monkeypatch):
    monkeypatch.delattr(PicturePasses, "synthesise_floats")
    codec().encode(photo(63, 65), 4.0)
