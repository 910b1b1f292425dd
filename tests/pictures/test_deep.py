"""Pictures of 10, 12 and 16 bits a channel: read at their depth, written at their depth, refused by name."""

import builtins
import dataclasses
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from hcfss_jax.errors import ImageTooLarge, InvalidInput, UnsupportedImage
from hcfss_jax.pictures.bit_depth import dtype_of, largest, rescaled
from hcfss_jax.pictures.colour import Cicp, _of_cicp
from hcfss_jax.pictures.deep_formats import deep_file
from hcfss_jax.pictures.icc_profile import Curve, cicp_of, make_profile
from hcfss_jax.pictures.images import read_image, to_pil
from hcfss_jax.pictures.jpeg_xl_header import read_jpeg_xl_header
from hcfss_jax.pictures.metadata import Metadata
from hcfss_jax.pictures.other_formats import encode_planes
from hcfss_jax.pictures.planes import Planes, luma, to_array

imagecodecs = pytest.importorskip("imagecodecs")

HEIGHT, WIDTH = 37, 41
MODES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


def ramps(channels: int, depth: int = 16) -> np.ndarray:
    """Smooth, with as many values as there is room for, `[H, W, C]`."""
    i, j = np.mgrid[:HEIGHT, :WIDTH]
    values = (np.arange(channels) * 7 + (i * WIDTH + j)[..., None]) / (HEIGHT * WIDTH + 30)
    return np.round(values * largest(depth)).astype(dtype_of(depth))


def squeezed(channels: np.ndarray) -> np.ndarray:
    return channels[..., 0].copy() if channels.shape[-1] == 1 else channels


def planes_of(channels: np.ndarray, depth: int, **more) -> Planes:
    grey = channels.shape[-1] < 3
    alpha = channels[..., -1] if channels.shape[-1] in (2, 4) else None
    rgb = channels[..., :1].repeat(3, -1) if grey else channels[..., :3]
    return Planes(rgb, alpha, grey, depth=depth, **more)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_with(png: bytes, *chunks: bytes) -> bytes:
    return png[:33] + b"".join(chunks) + png[33:]


def png_in_seven_passes(channels: np.ndarray) -> bytes:
    """Interlaced by Adam7."""
    height, width, count = channels.shape
    passes = [
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ]
    lines = b""
    for top, left, down, right in passes:
        part = channels[top::down, left::right].astype(">u2")
        lines += b"".join(b"\0" + line.tobytes() for line in part if line.size)
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[count]
    head = chunk(b"IHDR", struct.pack(">II5B", width, height, 16, kind, 0, 0, 1))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def tiff(
    body: bytes, shape: tuple[int, int, int], bits: int, order: bytes = b"II", **tags
) -> bytes:
    """One strip, not compressed. tags: by number, as t338."""
    ifd = ImageFileDirectory_v2(
        ifh=order + {b"II": b"*\0\x08\0\0\0", b"MM": b"\0*\0\0\0\x08"}[order]
    )
    height, width, count = shape
    wanted = {
        256: width,
        257: height,
        258: (bits,) * count,
        259: 1,
        262: 2 if count > 2 else 1,
        277: count,
    }
    wanted |= {278: height, 279: len(body), 273: 0, **{int(k[1:]): v for k, v in tags.items()}}
    for tag, value in wanted.items():
        ifd[tag] = value
    buffer = io.BytesIO()
    ifd.save(buffer)
    return buffer.getvalue() + body


def packed(channels: np.ndarray, bits: int) -> bytes:
    """Line by line, each padded to whole bytes, the highest bit first."""
    lines = channels.reshape(len(channels), -1)
    digits = ((lines[..., None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8)
    return np.packbits(digits.reshape(len(lines), -1), axis=-1).tobytes()


@pytest.mark.parametrize("count", MODES.values(), ids=MODES)
def test_a_png_of_16_bits_keeps_them(count):
    channels = ramps(count)
    for png in (imagecodecs.png_encode(squeezed(channels)), png_in_seven_passes(channels)):
        for source in (png, Image.open(io.BytesIO(png))):
            planes = read_image(source)
            assert (planes.depth, planes.grey, planes.notes) == (16, count < 3, ())
            np.testing.assert_array_equal(to_array(planes), squeezed(channels))


@pytest.mark.parametrize("count", [1, 3])
def test_a_deep_colour_that_stands_for_transparent_gets_an_alpha_plane(count):
    channels = ramps(count)
    hidden = struct.pack(f">{count}H", *channels[3, 5].tolist())
    png = png_with(imagecodecs.png_encode(squeezed(channels)), chunk(b"tRNS", hidden))
    alpha = read_image(png).alpha
    assert alpha is not None and alpha[3, 5] == 0
    assert np.count_nonzero(alpha == 65535) == alpha.size - 1


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_tiff_keeps_its_bits(bits, count):
    channels = ramps(count, bits)
    body = channels.astype("<u2").tobytes() if bits == 16 else packed(channels, bits)
    more = {"t338": 2} if count in (2, 4) else {}
    planes = read_image(tiff(body, channels.shape, bits, **more))
    assert (planes.depth, planes.grey) == (bits, count < 3)
    np.testing.assert_array_equal(to_array(planes), squeezed(channels))


def test_a_tiff_is_read_in_either_order_of_bytes_in_planes_and_with_white_as_zero():
    grey, colours, clear = ramps(1), ramps(3), ramps(4)
    big = tiff(colours.astype(">u2").tobytes(), colours.shape, 16, b"MM")
    np.testing.assert_array_equal(read_image(big).rgb, colours)
    negative = tiff((65535 - grey).astype("<u2").tobytes(), grey.shape, 16, t262=0)
    np.testing.assert_array_equal(to_array(read_image(negative)), grey[..., 0])
    planar = imagecodecs.tiff_encode(
        np.moveaxis(colours, -1, 0).copy(), photometric="rgb", planarconfig="separate"
    )
    np.testing.assert_array_equal(read_image(bytes(planar)).rgb, colours)
    over = clear.copy()
    over[..., 3] = np.maximum(over[..., 3], 40000)
    times = (over[..., :3] * (over[..., 3:] / 65535)).round().astype(np.uint16)
    premultiplied = np.concatenate([times, over[..., 3:]], -1)
    planes = read_image(tiff(premultiplied.astype("<u2").tobytes(), clear.shape, 16, t338=1))
    assert np.abs(planes.rgb.astype(int) - over[..., :3]).max() <= 1  # by the rounding above
    np.testing.assert_array_equal(planes.alpha, over[..., 3])
    unused = tiff(clear.astype("<u2").tobytes(), clear.shape, 16, t338=0)
    assert read_image(unused).alpha is None


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "TIFF, packed", "AVIF"])
def test_deep_pictures_are_turned_upright_as_others_are(kind, orientation):
    bits = 12 if kind == "TIFF, packed" else 10 if kind == "AVIF" else 16
    channels = ramps(3, bits)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    if kind == "PNG":
        body = exif.tobytes().removeprefix(b"Exif\0\0")
        data = png_with(imagecodecs.png_encode(channels), chunk(b"eXIf", body))
    elif kind == "AVIF":
        shell = io.BytesIO()
        Image.new("RGB", (1, 1)).save(shell, "AVIF", exif=exif.tobytes())
        data = deep_file("AVIF", shell.getvalue(), planes_of(channels, 10))
    else:
        body = channels.astype("<u2").tobytes() if kind == "TIFF" else packed(channels, 12)
        data = tiff(body, channels.shape, bits, t274=orientation)
    planes = read_image(data)
    method = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}.get(orientation)  # of Pillow's Transpose
    eight = Image.fromarray(rescaled(channels, bits, 8))
    expected = np.asarray(eight if method is None else eight.transpose(method), int)
    off = np.abs(planes.at_depth(8).rgb.astype(int) - expected)
    assert off.max() <= (2 if kind == "AVIF" else 0)
    assert b"\x12\x01" not in (planes.metadata.exif or b"")  # nothing would turn it twice


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("count", MODES.values(), ids=MODES)
def test_an_avif_keeps_its_bits(bits, count):
    channels = squeezed(ramps(count, bits))
    data = imagecodecs.avif_encode(channels, level=100, bitspersample=bits)
    planes = read_image(bytes(data))
    assert (planes.depth, planes.grey) == (bits, count < 3)
    np.testing.assert_array_equal(to_array(planes), channels)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("count", MODES.values(), ids=MODES)
def test_a_jpeg_xl_is_read_with_its_bits_without_a_plugin_of_pillow(bits, count):
    channels = squeezed(ramps(count, bits))
    data = bytes(imagecodecs.jpegxl_encode(channels, lossless=True, bitspersample=bits))
    planes = read_image(data)
    assert (planes.depth, planes.grey) == (bits, count < 3)
    np.testing.assert_array_equal(to_array(planes), channels)
    # What imagecodecs writes of more than eight bits says that it is linear light.
    assert (planes.icc is None) == (bits == 8)


@pytest.mark.parametrize("bits", [9, 12, 16])
@pytest.mark.parametrize("count", MODES.values(), ids=MODES)
def test_a_jpeg_2000_keeps_its_bits(bits, count):
    channels = squeezed(ramps(count, bits))
    data = imagecodecs.jpeg2k_encode(
        channels, bitspersample=bits, reversible=True, codecformat="jp2"
    )
    planes = read_image(bytes(data))
    assert (planes.depth, planes.grey) == (bits, count < 3)
    np.testing.assert_array_equal(to_array(planes), channels)


def test_arrays_of_uint16_have_16_bits_or_those_that_are_said():
    for count in (1, 3, 4):
        channels = ramps(count, 10)
        told = read_image(squeezed(channels), depth=10)
        assert (told.depth, told.grey) == (10, count == 1)
        np.testing.assert_array_equal(to_array(told), squeezed(channels))
        assert read_image(channels).depth == 16
    with pytest.raises(InvalidInput, match=r"values up to 10\d\d, and 9 bits reach to 511"):
        read_image(channels, depth=9)
    for depth in (8, 17, 10.5, True):
        with pytest.raises(InvalidInput, match="9 to 16 bits"):
            read_image(channels, depth=depth)
    with pytest.raises(InvalidInput, match="of arrays of uint16"):
        read_image(channels.astype(np.uint8), depth=10)


@pytest.mark.parametrize(("few", "many"), [(8, 16), (10, 12), (10, 16), (9, 11)])
def test_more_bits_lose_nothing_and_ends_stay_ends(few, many):
    values = np.arange(largest(few) + 1).astype(np.uint16)
    more = rescaled(values, few, many)
    assert (more[0], more[-1]) == (0, largest(many))
    np.testing.assert_array_equal(rescaled(more, many, few), values)
    every = np.arange(largest(many) + 1)
    nearest = np.floor(every * largest(few) / largest(many) + 0.5)
    np.testing.assert_array_equal(rescaled(every, many, few), nearest)


def test_luma_is_that_of_pillow_and_of_equal_channels_one_of_them():
    rgb = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    np.testing.assert_array_equal(luma(rgb), np.asarray(Image.fromarray(rgb).convert("L")))
    grey = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    np.testing.assert_array_equal(luma(np.stack([grey] * 3, -1)), grey)


def test_pillow_gets_what_it_holds():
    grey = to_pil(planes_of(ramps(1, 10), 10))
    assert grey.mode == "I;16"
    np.testing.assert_array_equal(np.asarray(grey), rescaled(ramps(1, 10)[..., 0], 10, 16))
    assert to_pil(planes_of(ramps(4), 16)).mode == "RGBA"
    again = read_image(grey)
    assert (again.depth, again.grey) == (16, True)


EXIF = Image.Exif()
EXIF[ExifTags.Base.Copyright] = "whoever took it"
EXIF[ExifTags.IFD.Exif] = {ExifTags.Base.DateTimeOriginal: "2026:01:02 03:04:05"}
SAID = Metadata(EXIF.tobytes().removeprefix(b"Exif\0\0"), b"<x:xmpmeta/>", (300.0, 150.0))


def tags_of(exif: bytes | None) -> dict:
    """What EXIF says, wherever it lies in it."""
    assert exif is not None
    told = Image.Exif()
    told.load(exif)
    inner = told.get_ifd(ExifTags.IFD.Exif)
    return {**told, ExifTags.IFD.Exif: dict(inner)}


@pytest.mark.parametrize("depth", [10, 12, 16])
@pytest.mark.parametrize("count", MODES.values(), ids=MODES)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "AVIF", "JXL", "JPEG2000"])
def test_a_deep_file_holds_all_that_one_of_eight_bits_does(kind, count, depth):
    icc = _of_cicp(Cicp(9, 16), count < 3)[0]
    planes = planes_of(ramps(count, depth), depth, icc=icc, metadata=SAID)
    data, notes = encode_planes(planes, kind)
    again = read_image(data)
    if kind == "AVIF":
        held = min(depth, 12)
        assert len(notes) == (depth > held) and again.depth == held
        step = 1 << (held - 8)  # one of eight bits
        assert np.abs(again.rgb.astype(int) - planes.at_depth(held).rgb).max() < step
    else:
        assert again.depth == (16 if kind in ("PNG", "TIFF") else depth)
        np.testing.assert_array_equal(again.at_depth(depth).rgb, planes.rgb)
    if planes.alpha is not None:
        np.testing.assert_array_equal(again.alpha, planes.at_depth(again.depth).alpha)
    if kind == "JPEG2000":
        assert notes == ["JPEG2000 has no place for colour profile, EXIF, XMP, density, PNG has"]
        return
    eight = read_image(encode_planes(planes.at_depth(8), kind)[0])
    assert (again.grey, again.icc) == (eight.grey, eight.icc)
    told, wanted = again.metadata, eight.metadata
    assert (told.xmp, told.dpi) == (wanted.xmp, wanted.dpi) == (SAID.xmp, wanted.dpi)
    assert tags_of(told.exif) == tags_of(wanted.exif)
    # A JPEG XL of grey has no primaries, and an AVIF no grey, so no profile of it.
    primaries = 1 if kind == "JXL" and again.grey else 9
    assert cicp_of(again.icc or icc) == (primaries, 16)


def test_a_png_of_ten_bits_says_how_many_count_and_is_sound_to_other_readers():
    planes = planes_of(ramps(3, 10), 10)
    data, _ = encode_planes(planes, "PNG")
    assert chunk(b"sBIT", bytes([10] * 3)) in data
    channels = imagecodecs.png_decode(data)
    np.testing.assert_array_equal(channels >> 6, planes.rgb)  # as the chunk has it
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), channels >> 8)


def test_a_jpeg_xl_says_which_light_its_numbers_are():
    """imagecodecs, which writes the pixels, would call all deep ones linear."""
    for cicp in ((1, 13), (12, 13), (9, 16), (9, 18), (1, 8), (1, 1)):
        icc = _of_cicp(Cicp(*cicp), grey=False)[0]
        for depth in (8, 10, 16):
            planes = planes_of(ramps(4, depth), depth, icc=icc)
            data, notes = encode_planes(planes, "JXL")
            again = read_image(data)
            assert notes == [] and again.icc == icc
            np.testing.assert_array_equal(to_array(again), to_array(planes))
            assert read_jpeg_xl_header(data).cicp == cicp
    scanner = make_profile("scanner", Curve((2.2,)), (0.31, 0.33, 0.7, 0.3, 0.2, 0.7, 0.1, 0.05))
    _, notes = encode_planes(planes_of(ramps(3), 16, icc=scanner), "JXL")
    assert notes == ["JXL is written without its colour profile, PNG has it"]


def test_every_filter_of_a_png_is_undone_by_its_reader():
    rng = np.random.default_rng(0)
    steep = np.cumsum(rng.integers(0, 900, (64, 70, 3)), 0).astype(np.uint16)
    flat = np.repeat(rng.integers(0, 65536, (64, 1, 3)), 70, 1).astype(np.uint16)
    noise = rng.integers(0, 65536, (64, 70, 3)).astype(np.uint16)
    whole = np.concatenate([steep, flat, noise, ramps(3)[:, :1].repeat(70, 1)])
    data, _ = encode_planes(planes_of(whole, 16), "PNG")
    np.testing.assert_array_equal(imagecodecs.png_decode(data), whole)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "BMP"])
def test_formats_of_eight_bits_get_eight_and_that_is_told(kind):
    planes = planes_of(ramps(3, 12), 12)
    data, notes = encode_planes(planes, kind)
    assert notes == [f"{kind} holds 8 bits a channel, and the picture has 12: PNG keeps them"]
    assert read_image(data).depth == 8


def deep_files() -> dict[str, bytes]:
    colours = ramps(3)
    return {
        "PNG": bytes(imagecodecs.png_encode(colours)),
        "TIFF": tiff(colours.astype("<u2").tobytes(), colours.shape, 16),
        "TIFF, packed": tiff(packed(colours >> 4, 12), colours.shape, 12),
        "AVIF": bytes(imagecodecs.avif_encode(colours >> 6, bitspersample=10)),
        "JPEG XL": bytes(imagecodecs.jpegxl_encode(colours, lossless=True)),
        "JPEG 2000": bytes(imagecodecs.jpeg2k_encode(colours, codecformat="jp2")),
    }


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "AVIF", "JPEG XL", "JPEG 2000"])
def test_without_imagecodecs_a_deep_picture_is_refused_with_what_to_install(kind, monkeypatch):
    found = builtins.__import__

    def without(name, *args, **more):
        if name == "imagecodecs":
            raise ImportError(name)
        return found(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UnsupportedImage, match=r"pip install 'hcfss-jax\[deep\]'"):
        read_image(deep_files()[kind])


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "TIFF, packed", "AVIF", "JPEG XL", "JPEG 2000"])
def test_damaged_deep_files_are_errors_with_a_name(kind):
    whole, rng = deep_files()[kind], np.random.default_rng(1)
    for number in range(60):
        data = bytearray(whole[: rng.integers(len(whole))] if number % 3 == 0 else whole)
        for _ in range(number % 5):
            data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        try:
            planes = read_image(bytes(data))
        except (UnsupportedImage, ImageTooLarge):
            continue
        assert planes.rgb.max() <= largest(planes.depth)


def test_a_header_that_claims_too_much_costs_no_memory():
    files = deep_files()
    png = files["PNG"]
    huge = png[:16] + struct.pack(">II", 60000, 60000) + png[24:]
    huge = huge[:29] + struct.pack(">I", zlib.crc32(huge[12:29])) + huge[33:]
    body = bytes(8)
    for data in (huge, tiff(body, (60000, 60000, 3), 16), tiff(body, (60000, 60000, 3), 12)):
        with pytest.raises(ImageTooLarge, match="cut the image into parts"):
            read_image(data)
    jxl = bytes(imagecodecs.jpegxl_encode(np.zeros((8, 8, 3), np.uint16), bitspersample=10))
    size = (3 << 1 | (60000 - 1) << 3 | 0 << 33 | 3 << 36 | (60000 - 1) << 38).to_bytes(9, "little")
    with pytest.raises(ImageTooLarge):
        read_image(jxl[:2] + size + jxl[4:])


def test_other_kinds_of_deep_pictures_are_refused_by_name():
    floats = imagecodecs.jpegxl_encode(np.zeros((9, 9, 3), np.float32), lossless=True)
    signed = tiff(bytes(96), (4, 4, 3), 16, t339=(2, 2, 2))
    inks = tiff(bytes(128), (4, 4, 4), 16, t262=5)
    for data in (bytes(floats), signed, inks, b"P6 1 1 65535\n" + bytes(6)):
        with pytest.raises(
            UnsupportedImage, match="more than 8 bits .*convert it to 8 bits|not an image"
        ):
            read_image(data)


def test_what_is_shown_of_planes_does_not_depend_on_the_depth_they_are_held_at():
    planes = planes_of(ramps(2, 10), 10)
    assert planes.at_depth(16).at_depth(10).rgb.tolist() == planes.rgb.tolist()
    assert dataclasses.replace(planes.at_depth(10)).alpha is planes.alpha
