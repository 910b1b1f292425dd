"""A picture to a file and back: the promises of the codec, with a small model."""

import dataclasses
import functools
import io
import os
import re
import zlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import ExifTags, Image

from hcfss_jax import coding
from hcfss_jax.codec import Codec, compiled_model, load
from hcfss_jax.codec.compiled_model import PicturePasses
from hcfss_jax.codec.side_inputs import side_inputs_of
from hcfss_jax.codec.tiles import layout
from hcfss_jax.entropy.margins import UNMEASURED
from hcfss_jax.errors import (
    CorruptSection,
    DecodeMismatch,
    ForkedProcess,
    HcfError,
    ImageTooLarge,
    InvalidInput,
    InvalidQuality,
    LeftOut,
    NotAnHcfFile,
    TruncatedFile,
    UnknownModel,
    UnsupportedImage,
    WrongWeights,
)
from hcfss_jax.metrics import psnr
from hcfss_jax.pictures.colour import LARGEST_PROFILE
from hcfss_jax.pictures.icc_profile import Curve, make_profile
from hcfss_jax.pictures.images import read_image, to_pil
from hcfss_jax.weights import WeightPackage
from tests.small_model import NAME, SMALL, photo, small_package

SIZES = [(1, 1), (1, 9), (17, 33), (63, 65), (64, 64), (300, 451)]
PROFILE = make_profile("linear", Curve((1.0,)), (0.31, 0.33, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06))
RELATIVES = [name for name in SMALL if name != NAME]


@functools.cache
def codec(seed: int = 0, name: str = NAME) -> Codec:
    return Codec(small_package(seed, name))


@functools.cache
def file_of(height: int = 63, width: int = 65, quality: float = 4.0) -> bytes:
    return codec().compress(photo(height, width), quality)


@pytest.mark.parametrize("height, width", SIZES)
def test_any_size_comes_back_as_the_encoder_said_to_the_bit(height, width):
    encoded = codec().encode(photo(height, width), 4.0)
    decoded = np.asarray(codec().decompress(encoded.data))
    assert decoded.shape == (height, width, 3)
    np.testing.assert_array_equal(decoded, encoded.x_hat)


@pytest.mark.parametrize("name", RELATIVES)
def test_every_model_writes_files_that_come_back_to_the_bit(name, monkeypatch):
    """Of the length that it estimates, and where floats differ a little, too."""
    for height, width in ((1, 9), (63, 65)):
        encoded = codec(0, name).encode(photo(height, width), 4.37)
        decoded = np.asarray(codec(0, name).decompress(encoded.data))
        np.testing.assert_array_equal(decoded, encoded.x_hat)
        assert abs(len(encoded.data) - encoded.estimated_bits / 8) < 0.01 * len(encoded.data) + 60
    elsewhere(monkeypatch, 0.95 * UNMEASURED)
    np.testing.assert_array_equal(codec(0, name).decompress(encoded.data), encoded.x_hat)


def test_a_grey_picture_too_comes_back_as_the_encoder_said():
    source = Image.fromarray(photo(20, 30)).convert("L")
    encoded = codec().encode(source)
    decoded = codec().decompress(encoded.data)
    assert decoded.mode == "L"
    np.testing.assert_array_equal(decoded.convert("RGB"), encoded.x_hat)


def test_where_no_quality_is_given_a_model_with_few_rates_is_asked_for_one_that_it_has():
    whole = small_package()
    few = Codec(dataclasses.replace(whole, config={**whole.config, "levels": 2}))
    assert (codec().default_quality, few.default_quality) == (4, 2)
    data = codec().compress(photo(8, 8))
    assert data == codec().compress(photo(8, 8), quality=4)


def test_compress_writes_what_encode_does_and_makes_no_picture(monkeypatch):
    picture = photo(20, 30)
    encoded = codec().encode(picture)
    monkeypatch.setattr(PicturePasses, "synthesise", lambda *args: pytest.fail("not needed"))
    assert codec().compress(picture) == encoded.data


@pytest.mark.parametrize("quality", [1, 4.37, 8])
def test_the_file_is_as_long_as_the_model_estimates(quality):
    encoded = codec().encode(photo(300, 451), quality)
    assert abs(len(encoded.data) - encoded.estimated_bits / 8) < 0.01 * len(encoded.data) + 60


def test_a_higher_quality_takes_more_bytes():
    sizes = [len(file_of(300, 451, quality)) for quality in (1, 4.37, 8)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_padding_beyond_the_picture_is_never_sent():
    """65 pixels take 5 positions of y, not the 8 of the padded map."""
    stream = coding.unpack(file_of(64, 128, 8))[1]
    assert len(coding.unpack(file_of(64, 65, 8))[1]) < 0.75 * len(stream)


def test_the_range_coder_of_a_file_is_tfc_s_own():
    """The stream of a file is what TensorFlow Compression would write of the same symbols."""
    pytest.importorskip("tensorflow_compression_ops")
    encode, streams = coding.encode, []

    def by_both(parts):
        streams.append((encode(parts, engine="jax"), encode(parts, engine="tfc")))
        return streams[-1][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coding, "encode", by_both)
        encoded = codec().encode(photo(63, 65), 6.0)
    assert streams[0][0] == streams[0][1]
    np.testing.assert_array_equal(codec().decompress(encoded.data), encoded.x_hat)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK", "RGB"])
def test_colour_modes_come_back_as_they_were(mode):
    source = Image.fromarray(photo(20, 30)).convert(mode)
    if mode in ("LA", "RGBA"):
        source.putalpha(Image.fromarray(photo(20, 30, seed=3)[..., 0]))
    decoded = codec().decompress(codec().compress(source))
    expected = {"P": "RGB", "1": "L", "CMYK": "RGB"}.get(mode, mode)
    assert decoded.mode == expected and decoded.size == source.size
    if mode in ("LA", "RGBA"):
        np.testing.assert_array_equal(decoded.getchannel("A"), source.getchannel("A"))


@pytest.mark.filterwarnings("error")
def test_a_large_picture_with_alpha_comes_back_without_a_warning(monkeypatch):
    """Large for Pillow, that is, which warns from half of the size that it refuses."""
    source = Image.fromarray(np.dstack([photo(20, 30), photo(20, 30)[..., 0]]))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20 * 30 - 1)
    assert codec().decompress(codec().compress(source)).mode == "RGBA"


def test_a_colour_profile_travels_along():
    source = Image.fromarray(photo(8, 8))
    source.info["icc_profile"] = PROFILE
    decoded = codec().decompress(codec().compress(source))
    assert decoded.info["icc_profile"] == source.info["icc_profile"]


def test_a_profile_that_no_file_can_hold_is_left_out_and_that_is_noted():
    source = Image.fromarray(photo(8, 8))
    source.info["icc_profile"] = PROFILE.ljust(LARGEST_PROFILE, b"\0")
    decoded = codec().decompress(codec().compress(source))
    assert decoded.info["icc_profile"] == source.info["icc_profile"]
    source.info["icc_profile"] += b"\0"
    with pytest.warns(LeftOut, match="a colour profile of 16,777,217 bytes"):
        decoded = codec().decompress(codec().compress(source))
    assert "icc_profile" not in decoded.info


def test_metadata_travel_along_and_strip_leaves_them_out():
    source = Image.fromarray(photo(8, 8))
    source.getexif()[ExifTags.Base.Copyright] = "(c) me"
    source.info |= {"xmp": b"<x:xmpmeta/>", "dpi": (300, 240.5), "icc_profile": PROFILE}
    decoded = codec().decompress(codec().compress(source))
    assert decoded.getexif()[ExifTags.Base.Copyright] == "(c) me"
    assert (decoded.info["xmp"], decoded.info["dpi"]) == (b"<x:xmpmeta/>", (300, 240.5))
    stripped = [
        codec().compress(source, strip=True),
        codec().target_bpp(source, 1e6, strip=True)[0],
    ]
    for data in stripped:
        assert codec().decompress(data).info.keys() == {"icc_profile"}
        assert not codec().decompress(data).getexif()


def test_what_a_file_has_no_place_for_is_a_warning_where_the_codec_was_called():
    source = Image.fromarray(photo(8, 8))
    source.info["icc_profile"] = b"no profile"
    calls = (codec().compress, codec().encode, lambda image: codec().target_bpp(image, 1e6))
    for call in calls:
        with pytest.warns(LeftOut, match="the image has a broken colour profile") as told:
            call(source)
        assert [Path(warning.filename) for warning in told] == [Path(__file__)]


def test_a_file_is_decompressed_from_wherever_it_is(tmp_path):
    path = tmp_path / "a.hcf"
    path.write_bytes(file_of())
    expected = codec().decompress(file_of())
    sources = [path, str(path), bytearray(file_of()), memoryview(file_of()), io.BytesIO(file_of())]
    for source in sources:
        assert codec().decompress(source) == expected
    with path.open("rb") as file:
        assert codec().decompress(file) == expected
    with pytest.raises(FileNotFoundError):
        codec().decompress(tmp_path / "absent.hcf")


@pytest.mark.parametrize("source", [None, 7, ["a.hcf"], io.StringIO("text"), object])
def test_what_is_no_source_of_a_file_is_named_with_what_would_be_one(source):
    with pytest.raises(NotAnHcfFile, match=f"{type(source).__name__} .* give a path, bytes, or"):
        codec().decompress(source)


def test_a_jax_array_and_a_numpy_array_make_the_same_file():
    assert codec().compress(jnp.asarray(photo(63, 65))) == file_of()
    grey = photo(8, 8)[..., 0]
    assert codec().decompress(codec().compress(grey)).mode == "L"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning", "ignore:.*fork:DeprecationWarning")
def test_a_process_forked_from_one_with_a_codec_says_spawn_and_does_not_hang():
    data, (reading, writing) = file_of(), os.pipe()
    child = os.fork()
    if not child:
        calls = (
            lambda: codec().compress(photo(8, 8)),
            lambda: codec().decompress(data),
            lambda: Codec(small_package()),
            lambda: load(NAME),
        )
        for call in calls:
            try:
                call()
            except ForkedProcess as error:
                os.write(writing, f"{error}\n".encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as told:
        lines = told.read().splitlines()
    os.waitpid(child, 0)
    assert len(lines) == 4
    assert all(f"process {child} was forked" in line and "spawn" in line for line in lines)
    assert codec().compress(photo(8, 8))  # the parent goes on


def test_a_side_that_the_format_cannot_hold_is_too_large():
    strip = np.zeros((1, coding.LARGEST_SIDE + 1, 3), np.uint8)
    with pytest.raises(ImageTooLarge, match="16777217x1"):
        codec().compress(strip)


def test_target_bpp_gives_the_best_quality_within_the_budget():
    picture = photo(63, 65)
    budget = 8 * (len(file_of(quality=3.0)) + 3) / (63 * 65)
    data, quality = codec().target_bpp(picture, budget)
    assert quality >= 3 and 8 * len(data) / (63 * 65) <= budget
    assert coding.unpack(data)[0].quality == quality
    step = 1 / coding.QUALITY_STEPS
    assert 8 * len(codec().compress(picture, quality + step)) / (63 * 65) > budget
    with pytest.raises(InvalidQuality, match="out of reach"):
        codec().target_bpp(picture, 0.001)


def test_target_bpp_reads_its_image_once(monkeypatch):
    reads = []
    monkeypatch.setattr(
        "hcfss_jax.codec.codec.read_image",
        lambda source, *how: reads.append(source) or read_image(source),
    )
    codec().target_bpp(photo(8, 8), 100.0)
    assert len(reads) == 1


@pytest.mark.parametrize("bpp", [0, -1, float("nan"), "0.5", None, True, 1j])
def test_a_target_that_is_no_rate_is_refused(bpp):
    with pytest.raises(InvalidQuality, match=f"{bpp} bpp"):
        codec().target_bpp(photo(8, 8), bpp)


def test_a_quality_may_be_a_number_of_numpy_or_jax():
    for quality in (np.float32(4), np.int64(4), jnp.float32(4)):
        assert codec().compress(photo(63, 65), quality) == file_of()


@pytest.mark.parametrize("quality", [0.99, 8.01, -1, float("nan"), "high", "4", True, [4]])
def test_a_quality_out_of_range_is_refused(quality):
    with pytest.raises(InvalidQuality, match=f"{re.escape(str(quality))}.* offers 1 to 8"):
        codec().compress(photo(8, 8), quality)


def test_what_is_no_picture_is_refused():
    for source in (b"hello", np.zeros((4, 4)), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(UnsupportedImage):
            codec().compress(source)
    with pytest.raises(UnsupportedImage, match="8 bits"):
        codec().compress(Image.fromarray(np.zeros((4, 4), np.float32)))


def test_files_of_other_weights_and_other_models_are_refused():
    with pytest.raises(WrongWeights, match=codec().fingerprint.hex()):
        codec(1).decompress(file_of())
    header, stream, sections = coding.unpack(file_of())
    renamed = coding.Header(**{**vars(header), "model": "hcfssnet-other"})
    with pytest.raises(UnknownModel, match="hcfssnet-other"):
        codec().decompress(coding.pack(renamed, stream, sections))


def test_a_cut_file_and_a_flipped_bit_have_their_errors():
    data = file_of()
    with pytest.raises(TruncatedFile):
        codec().decompress(data[:-1])
    with pytest.raises(NotAnHcfFile):
        codec().decompress(b"\x89PNG" + data)
    rng = np.random.default_rng(0)
    for position in rng.integers(8 * len(data), size=50):
        broken = bytearray(data)
        broken[position // 8] ^= 1 << position % 8
        with pytest.raises(HcfError):
            codec().decompress(bytes(broken))


def test_symbols_that_are_not_those_written_are_a_mismatch_not_a_picture():
    header, stream, sections = coding.unpack(file_of())
    forged = coding.Header(**{**vars(header), "symbols_crc": header.symbols_crc ^ 1})
    with pytest.raises(DecodeMismatch):
        codec().decompress(coding.pack(forged, stream, sections))
    swapped = bytes([stream[0] ^ 0x10]) + stream[1:]
    with pytest.raises(DecodeMismatch):
        codec().decompress(coding.pack(header, swapped, sections))


def test_a_forged_size_costs_no_memory():
    header, stream, _ = coding.unpack(file_of())
    huge = coding.Header(**{**vars(header), "width": 1 << 20, "height": 1 << 20})
    with pytest.raises(ImageTooLarge, match="1048576x1048576"):
        codec().decompress(coding.pack(huge, stream))


def test_forged_extra_sections_are_corrupt():
    header, stream, _ = coding.unpack(file_of())
    other = to_pil_alpha(4, 4)
    for extra in ({coding.Extra.ALPHA: b"no png"}, {coding.Extra.ALPHA: other},
                  {coding.Extra.ICC: b"not deflated"}, {coding.Extra.EXIF: b"not deflated"},
                  {coding.Extra.XMP: zlib.compress(bytes(1 << 24))}, {coding.Extra.DENSITY: b""},
                  {coding.Extra.DENSITY: b"\1\0"}, {coding.Extra.DENSITY: b"\1\1\1"}):  # fmt: skip
        with pytest.raises((CorruptSection, TruncatedFile)):
            codec().decompress(coding.pack(header, stream, extra))


def to_pil_alpha(height: int, width: int) -> bytes:
    """The alpha section of another picture."""
    from hcfss_jax.codec import carried
    from hcfss_jax.pictures.images import Planes

    planes = Planes(photo(height, width), np.zeros((height, width), np.uint8))
    assert to_pil(planes).mode == "RGBA"
    return carried.from_planes(planes)[coding.Extra.ALPHA]


def test_weights_that_do_not_fit_their_model_are_named_when_used():
    whole = small_package()
    config = {**whole.config, "hyper_width": 12}
    broken = WeightPackage(whole.name, config, whole.params, whole.tables)
    with pytest.raises(WrongWeights, match="h_a"):
        Codec(broken).compress(photo(8, 8))
    with pytest.raises(WrongWeights, match="no_such_field"):
        Codec(WeightPackage(whole.name, {"no_such_field": 1}, {}, {}))


def elsewhere(monkeypatch, distance: float) -> None:
    """From here on, a machine whose floats lie up to `distance` steps of the table away from this one's."""
    here, rng = PicturePasses.rows, np.random.default_rng(5)

    def rows(self, step, prediction):
        found = here(self, step, prediction)
        if not self.plan[step].distribution.grid:
            return found
        noise = rng.uniform(-distance, distance, found.shape)
        return np.clip(found + noise, 0, 63).astype(np.float32)

    monkeypatch.setattr(PicturePasses, "rows", rows)


def test_a_machine_whose_floats_differ_a_little_decodes_to_the_bit(monkeypatch):
    encoded = codec().encode(photo(300, 451), 6.0)
    elsewhere(monkeypatch, 0.95 * UNMEASURED)
    np.testing.assert_array_equal(codec().decompress(encoded.data), encoded.x_hat)


def test_a_machine_whose_floats_differ_a_lot_says_so_and_which_command_finds_out_more(monkeypatch):
    data = codec().compress(photo(300, 451), 6.0)
    elsewhere(monkeypatch, 0.5)
    with pytest.raises(DecodeMismatch, match="symbols are not those.*hcfss diagnose FILE"):
        codec().decompress(data)


@pytest.mark.parametrize("wrong", [1, 2])
def test_a_file_with_checks_of_its_steps_says_which_is_the_first_that_is_read_wrongly(
    monkeypatch, wrong
):
    picture = photo(60, 80)
    plain, data = (codec().compress(picture, 6.0, step_checks=checks) for checks in (False, True))
    steps = codec().model.plan
    assert len(data) == len(plain) + 4 * len(steps) + 3  # a section's type and length, and how many
    np.testing.assert_array_equal(codec().decompress(data), codec().decompress(plain))
    here = PicturePasses.rows

    def rows(self, step, prediction):
        found = here(self, step, prediction)
        return np.clip(found + 3, 0, 63) if step == wrong else found

    monkeypatch.setattr(PicturePasses, "rows", rows)
    with pytest.raises(
        DecodeMismatch, match=f"step {wrong + 1} of 3 on, y from channel {4 * wrong - 4} "
    ):
        codec().decompress(data)


def test_checks_of_steps_that_contradict_the_picture_are_named():
    header, stream, sections = coding.unpack(codec().compress(photo(8, 8), step_checks=True))
    checks = sections[coding.Extra.STEP_CHECKS]
    for other in (checks[:-4], checks[:-1] + bytes([checks[-1] ^ 1])):
        with pytest.raises(CorruptSection, match="steps"):
            codec().decompress(coding.pack(header, stream, {coding.Extra.STEP_CHECKS: other}))


@pytest.mark.parametrize("record", [{}, 7, {"qualities": [1], "largest": [[1e-5]]}])
def test_weights_with_a_broken_record_of_noise_are_named(record):
    meta = {"noise": record}
    with pytest.raises(WrongWeights, match="noise"):
        Codec(dataclasses.replace(small_package(), meta=meta))


def test_pictures_of_one_bucket_share_their_programs():
    codec().decompress(codec().compress(photo(100, 120)))
    before = compiled_model._run._cache_size()
    encoded = codec().encode(photo(33, 250))
    np.testing.assert_array_equal(codec().decompress(encoded.data), encoded.x_hat)
    assert compiled_model._run._cache_size() == before


def test_forty_one_sizes_call_for_eight_shapes_of_each_function(monkeypatch):
    """Up to 2048 pixels a side; the model's own functions are asked for shapes only, and answer with zeros."""
    seen: dict[tuple, dict] = {}

    def shapes_only(model, method, step, size, variables, area, *args):
        shapes = str(jax.tree.map(jnp.shape, args))
        if shapes not in (known := seen.setdefault((method, step), {})):
            traced = functools.partial(run.__wrapped__, model, method, step, size)
            known[shapes] = jax.eval_shape(traced, variables, area, *args)
        return jax.tree.map(lambda a: np.zeros(a.shape, a.dtype), known[shapes])

    run = compiled_model._run
    monkeypatch.setattr(compiled_model, "_run", shapes_only)
    rng = np.random.default_rng(0)
    sizes = np.exp(rng.uniform(0, np.log(2048), (40, 2))).astype(int).tolist()
    for height, width in [*sizes, (2048, 2048)]:
        blank = np.zeros((height, width, 3), np.uint8)
        codec().decompress(codec().compress(blank))
    assert len(seen) == 2 + 2 * len(codec().model.plan)
    assert max(map(len, seen.values())) <= 8


def test_padding_to_a_bucket_changes_neither_bits_nor_picture(monkeypatch):
    """Against arrays as small as can be: the same symbols but for a few that rounding may turn."""
    picture = photo(150, 200)
    padded = codec().encode(picture)
    monkeypatch.setattr(compiled_model, "bucket", compiled_model.whole_positions)
    exact = codec().encode(picture)
    assert len(padded.data) == pytest.approx(len(exact.data), rel=0.002)
    assert psnr(padded.x_hat, picture) == pytest.approx(psnr(exact.x_hat, picture), abs=0.01)


def test_a_side_input_that_a_model_does_not_take_is_refused_with_those_that_do():
    mask = np.ones((63, 65), bool)
    for given in ({"roi": mask}, {"given": {"mask": mask}}):
        for call in (
            codec().compress,
            codec().encode,
            functools.partial(codec().target_bpp, bpp=9),
        ):
            with pytest.raises(
                InvalidInput, match=f"{NAME} takes no mask .* roi-tiny, roi-base do"
            ):
                call(photo(63, 65), **given)
    with pytest.raises(InvalidInput, match="'depth' is no side input: there are mask, text"):
        codec().compress(photo(63, 65), given={"depth": mask})
    assert codec().compress(photo(63, 65), 4.0, given={"mask": None}) == file_of()
    with pytest.raises(InvalidInput, match="given is a dictionary"):
        codec().compress(photo(63, 65), given=5)


def test_a_mask_of_another_size_or_given_twice_is_refused():
    roi = codec(name="roi-tiny")
    with pytest.raises(InvalidInput, match="mask is 63x65 pixels, and the picture, upright, 65x63"):
        roi.compress(photo(63, 65), roi=np.ones((65, 63)))
    with pytest.raises(InvalidInput, match="give one of them"):
        roi.compress(photo(63, 65), roi=np.ones((63, 65)), given={"mask": np.ones((63, 65))})


def test_tiles_cut_a_mask_as_they_cut_the_picture(monkeypatch):
    seen = {}

    def record(passes, rgb, level, given):
        seen[rgb.shape] = given["mask"]
        raise KeyboardInterrupt

    monkeypatch.setattr(PicturePasses, "analyse", record)
    mask = np.random.default_rng(0).random((63, 300)).astype(np.float32)
    tile = Codec(small_package(0, "roi-tiny"), tile=256)
    first, second = layout(63, 300, 256)
    for part in (first, second):
        told = side_inputs_of({"mask": mask}, part, (64, 256))["mask"]
        assert told.shape == (1, 64, 256, 1)
        np.testing.assert_array_equal(told[0, : part.height, : part.width, 0], part.of(mask))
        assert not told[0, part.height :].any() and not told[0, :, part.width :].any()
    with pytest.raises(KeyboardInterrupt):
        tile.compress(photo(63, 300), roi=mask)
    ((shape, found),) = seen.items()
    assert found.shape == (*shape[:3], 1)
    np.testing.assert_array_equal(found[0, : first.height, : first.width, 0], first.of(mask))
