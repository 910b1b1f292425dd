"""Deep channels are seen where Pillow would cut them to eight bits in silence."""

import base64
import io
import struct

import numpy as np
import pytest
from PIL import Image

from hcfss_jax.errors import UnsupportedImage
from hcfss_jax.pictures.bit_depth import bits_a_channel
from hcfss_jax.pictures.images import read_image

# A grey of 700 / 1023, 2x2 pixels, ten bits a channel, as libavif writes it. Pillow cannot.
AVIF_OF_TEN_BITS = base64.b64decode(
    "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAA"
    "AAAAAAAAAAAAAAAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAHAAAAChpaW5mAAAA"
    "AAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAAAABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAAAgAAAAIA"
    "AAAQcGl4aQAAAAADCgoKAAAADGF2MUOBIEAAAAAAE2NvbHJuY2x4AAIAAgAGgAAAABdpcG1hAAAAAAAAAAEAAQQB"
    "AoMEAAAAJG1kYXQSAAoHOAA28CAgaTIPHsJipOAAFgAAAJA1jjxi"
)


def saved(kind: str, mode: str = "RGB", **options) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (8, 8), 77 if mode == "L" else None).save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg_2000(depths: list[int], bare: bool) -> bytes:
    """A file that says of its three channels that they have so many bits."""
    data = bytearray(saved("JPEG2000", no_jp2=bare))
    first = data.index(b"\xff\x4f\xff\x51") + 42
    assert data[first : first + 9 : 3] == b"\7\7\7"
    data[first : first + 9 : 3] = bytes(depth - 1 for depth in depths)
    return bytes(data)


def test_an_avif_tells_its_depth():
    assert bits_a_channel("AVIF", saved("AVIF")) == 8
    assert bits_a_channel("AVIF", saved("AVIF", "RGBA")) == 8
    assert bits_a_channel("AVIF", AVIF_OF_TEN_BITS) == 10
    twelve = AVIF_OF_TEN_BITS.replace(b"av1C\x81\x20\x40", b"av1C\x81\x40\x60")
    assert bits_a_channel("AVIF", twelve) == 12


@pytest.mark.parametrize("bare", [False, True], ids=["in boxes", "bare codestream"])
@pytest.mark.parametrize("depths", [[8, 8, 8], [16, 16, 16], [8, 8, 12]])
def test_a_jpeg_2000_tells_the_depth_of_its_deepest_channel(bare, depths):
    assert bits_a_channel("JPEG2000", jpeg_2000(depths, bare)) == max(depths)


def test_files_too_short_to_tell_count_as_eight_bits():
    whole = jpeg_2000([16, 16, 16], bare=True)
    assert {bits_a_channel("JPEG2000", whole[:end]) for end in range(43)} == {8}
    assert {bits_a_channel("AVIF", AVIF_OF_TEN_BITS[:end]) for end in (0, 100)} == {8}


def test_channels_of_several_depths_are_refused_and_shallow_ones_read():
    for depths in ([8, 8, 12], [16, 16, 9]):
        with pytest.raises(UnsupportedImage, match=r"more than 8 bits .* convert it to 8 bits"):
            read_image(jpeg_2000(depths, False))
    for data in (saved("AVIF"), saved("JPEG2000"), saved("JPEG2000", "L")):
        assert np.ptp(read_image(data).rgb) <= 2  # one colour, but for what the format loses


def sgi(bits: int, compressed: bool) -> bytes:
    """4x4 pixels; compressed, each line is said to be one run of 4 values."""
    size = bits // 8
    head = struct.pack(">hBBHHHHii", 474, compressed, size, 3, 4, 4, 3, 0, (1 << bits) - 1).ljust(
        512, b"\0"
    )
    if not compressed:
        return head + bytes(4 * 4 * 3 * size)
    run = (b"\x04" + b"\x50" + b"\0") if size == 1 else struct.pack(">HHH", 4, 0x5012, 0)
    starts = [512 + 2 * 4 * 12 + len(run) * line for line in range(12)]
    return head + struct.pack(">24I", *starts, *[len(run)] * 12) + run * 12


def dds(pixel_format: bytes, body: bytes) -> bytes:
    """4x4 pixels. pixel_format: what stands in the 32 bytes for it."""
    head = struct.pack("<4s7I44x", b"DDS ", 124, 0x1007, 4, 4, 0, 0, 0)
    return head + struct.pack("<I", 32) + pixel_format.ljust(28, b"\0") + bytes(20) + body


def dds_of_blocks(dxgi: int) -> bytes:
    return dds(struct.pack("<I4s", 4, b"DX10"), struct.pack("<5I", dxgi, 3, 0, 1, 0) + bytes(16))


def dds_of_masks(*masks: int) -> bytes:
    return dds(struct.pack("<II5I", 0x40, 0, 32, *masks, 0), bytes(64))


def tiff_in_planes(bits: int) -> bytes:
    """Red, green and blue one after the other, which Pillow then reads as if they had eight bits."""
    size, place = bits // 8, 8 + 2 + 10 * 12 + 4
    tags = [
        (256, 3, 1, 4), (257, 3, 1, 4), (258, 3, 3, place), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, 3, place + 6), (277, 3, 1, 3), (278, 3, 1, 4), (279, 4, 3, place + 18), (284, 3, 1, 2),
    ]  # fmt: skip
    entries = b"".join(
        struct.pack("<HHI", tag, kind, count) + struct.pack("<I", value)
        for tag, kind, count, value in tags
    )
    plane = 16 * size
    starts = [place + 30 + plane * channel for channel in range(3)]
    more = struct.pack("<3H3I3I", *[bits] * 3, *starts, *[plane] * 3)
    return (
        b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + more + bytes(3 * plane)
    )


def icon(depth: int) -> bytes:
    """A PNG of 2x2 pixels with such a depth in an icon."""
    png = saved("PNG") if depth == 8 else deep_png()
    return struct.pack("<HHH4BHHII", 0, 1, 1, 8, 8, 0, 0, 1, 24, len(png), 22) + png


def deep_png() -> bytes:
    import zlib

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    rows = zlib.compress((b"\0" + bytes(6 * 8)) * 8)
    head = chunk(b"IHDR", struct.pack(">II5B", 8, 8, 16, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("shallow", "deep"),
    [
        (sgi(8, False), sgi(16, False)),
        (sgi(8, True), sgi(16, True)),
        (dds_of_blocks(98), dds_of_blocks(95)),
        (dds_of_blocks(98), dds_of_blocks(96)),
        (dds_of_masks(255 << 16, 255 << 8, 255), dds_of_masks(1023 << 20, 1023 << 10, 1023)),
        (icon(8), icon(16)),
    ],
    ids=[
        "SGI",
        "SGI, runs",
        "DDS, BC6H",
        "DDS, BC6H signed",
        "DDS, ten bits",
        "icon",
    ],
)
def test_no_format_of_pillow_cuts_bits_in_silence(shallow, deep):
    assert read_image(shallow).rgb.size
    for source in (deep, Image.open(io.BytesIO(deep))):
        with pytest.raises(UnsupportedImage, match=r"more than 8 bits .* convert it to 8 bits"):
            read_image(source)


def test_an_opened_image_tells_its_depth_until_it_is_loaded():
    pytest.importorskip("imagecodecs")
    for data, depth in ((AVIF_OF_TEN_BITS, 10), (tiff_in_planes(16), 16), (deep_png(), 16)):
        image = Image.open(io.BytesIO(data))
        assert read_image(image).depth == read_image(data).depth == depth
        assert image.load()  # what has looked into its file has left it as it was
    assert read_image(tiff_in_planes(8)).depth == 8
    grey = read_image(AVIF_OF_TEN_BITS).rgb
    assert np.abs(grey.astype(int) - 700).max() < 4  # a level of eight bits, as the file is lossy


def test_a_picture_that_a_plugin_says_was_deep_is_refused():
    """As pillow_heif does, whose pixels have eight bits all the same."""
    image = Image.new("RGB", (4, 4))
    image.info["bit_depth"] = 8
    assert read_image(image).rgb.size
    image.info["bit_depth"] = 10
    with pytest.raises(UnsupportedImage, match="more than 8 bits"):
        read_image(image)


class JxlFile(Image.Image):
    """As pillow_jxl leaves an image: eight bits, and the file's bytes beside it."""

    format = "JXL"

    def __init__(self, data: bytes):
        super().__init__()
        small = Image.new("RGB", (2, 2))
        self.im, self._mode, self._size, self.fc = small.im, small.mode, small.size, data


@pytest.mark.parametrize("shape", [(1, 1, 3), (8, 8, 3), (32, 32), (600, 40, 3), (40, 600, 4)])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_a_jpeg_xl_tells_its_depth(bits, shape):
    imagecodecs = pytest.importorskip("imagecodecs")
    pixels = np.zeros(shape, np.uint8 if bits == 8 else np.uint16)
    data = imagecodecs.jpegxl_encode(pixels, lossless=True, bitspersample=bits)
    assert bits_a_channel("JXL", data) == bits
    assert read_image(JxlFile(data)).depth == bits  # of which eight bits are left in the image


def test_a_jpeg_xl_of_floats_or_of_several_frames_tells_its_depth():
    imagecodecs = pytest.importorskip("imagecodecs")
    floats = imagecodecs.jpegxl_encode(np.zeros((9, 9, 3), np.float32), lossless=True)
    assert bits_a_channel("JXL", floats) == 32
    for dtype, bits in ((np.uint8, 8), (np.uint16, 16)):
        frames = imagecodecs.jpegxl_encode(np.zeros((3, 9, 9, 3), dtype), lossless=True)
        assert bits_a_channel("JXL", frames) == bits
        cut = {bits_a_channel("JXL", frames[:end]) for end in range(12)}
        assert cut <= {8, bits}
