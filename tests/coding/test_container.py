"""The `.hcf` file around the symbols: to the byte, and against every cut and every flipped bit."""

import dataclasses
import struct
import zlib

import pytest

from hcfss_jax.coding import QUALITY_STEPS, Extra, Header, pack, unpack
from hcfss_jax.coding.varint import varint
from hcfss_jax.errors import CorruptSection, HcfError, NotAnHcfFile, TruncatedFile

HEADER = Header(
    model="hcfssnet-tiny",
    fingerprint=bytes.fromhex("c0ffee42"),
    width=768,
    height=512,
    colour="rgb",
    quality=4.5,
    symbols_crc=0x12345678,
)
STREAM = bytes.fromhex("00ff10203040")
EXTRAS = {Extra.ALPHA: b"see-through", Extra.ICC: b"profile" * 30}

# The bytes before the checksum. A change here needs a new format version.
GOLDEN = bytes.fromhex(
    "484346 02 00 0d 68636673736e65742d74696e79 c0ffee42 8006 8004 2001 78563412 06 00ff10203040"
)


def signed(body: bytes) -> bytes:
    """The body with a checksum that fits, as a careful forger would have it."""
    return body + struct.pack("<I", zlib.crc32(body))


def test_version_2_is_written_and_read_to_the_byte():
    assert pack(HEADER, STREAM) == signed(GOLDEN)
    assert unpack(signed(GOLDEN)) == (HEADER, STREAM, {})


@pytest.mark.parametrize("extras", [{}, EXTRAS, {Extra.ICC: b""}])
@pytest.mark.parametrize("stream", [b"", STREAM, bytes(range(256)) * 300])
def test_what_is_packed_is_unpacked(extras, stream):
    header = dataclasses.replace(HEADER, colour="grey", width=1, height=1 << 24, quality=8.0)
    assert unpack(pack(header, stream, extras)) == (header, stream, extras)


def test_the_file_adds_at_most_40_bytes_to_the_stream_of_a_photo():
    stream = bytes(100_000)
    assert len(pack(HEADER, stream)) - len(stream) <= 40


def test_every_cut_is_a_truncated_file():
    whole = pack(HEADER, STREAM, EXTRAS)
    for length in range(len(whole)):
        with pytest.raises(TruncatedFile):
            unpack(whole[:length])


def test_every_flipped_bit_has_a_named_error():
    whole = pack(HEADER, STREAM, EXTRAS)
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(HcfError):
            unpack(bytes(damaged))


def test_a_flipped_bit_of_the_stream_is_called_damage():
    damaged = bytearray(pack(HEADER, STREAM))
    damaged[-6] ^= 1
    with pytest.raises(CorruptSection, match="damaged: its checksum"):
        unpack(bytes(damaged))


def test_more_bytes_than_the_file_has_are_refused():
    with pytest.raises(CorruptSection, match="3 bytes follow the end"):
        unpack(pack(HEADER, STREAM) + b"abc")


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n", b"hcf", b"HCE\x01", b"\0" * 100])
def test_other_files_are_not_hcf_files(data):
    with pytest.raises(NotAnHcfFile, match="begins with b'HCF'"):
        unpack(data)


def test_files_of_a_newer_format_ask_for_a_newer_reader():
    newer = bytearray(pack(HEADER, STREAM))
    newer[3] = 3
    with pytest.raises(NotAnHcfFile, match="format version 3, newer than this reader"):
        unpack(bytes(newer))
    flagged = bytearray(GOLDEN)
    flagged[4] = 0x80
    with pytest.raises(NotAnHcfFile, match="flags 0x80 of a newer version"):
        unpack(signed(bytes(flagged)))


def test_files_from_before_the_first_release_are_named():
    older = bytearray(pack(HEADER, STREAM))
    older[3] = 1
    with pytest.raises(NotAnHcfFile, match="format version 1, from before the first release"):
        unpack(bytes(older))


def test_unknown_extras_are_skipped_if_they_may_be_and_refused_if_not():
    known = {Extra.ICC: b"profile"}
    assert unpack(pack(HEADER, STREAM, {200: b"a thumbnail", **known}))[2] == known
    with pytest.raises(NotAnHcfFile, match="needs a section of type 77: update"):
        unpack(pack(HEADER, STREAM, {77: b"tiles", **known}))


def test_extras_come_in_the_order_of_their_types():
    backwards = dict(reversed(EXTRAS.items()))
    assert pack(HEADER, STREAM, backwards) == pack(HEADER, STREAM, EXTRAS)


@pytest.mark.parametrize(
    ("at", "field", "message"),
    [
        (6, b"\xc3\xa9", "not a name of 1 to 64 ASCII"),
        (23, b"\x80\x00", "the width is not a number"),  # a needless byte: 0 in two
        (27, b"\x00\x00", "quality 0.0"),
        (27, b"\x3f\x00", "quality 0.98"),
    ],
)
def test_forged_headers_are_refused_by_their_bounds(at, field, message):
    forged = bytearray(GOLDEN)
    forged[at : at + len(field)] = field
    with pytest.raises(CorruptSection, match=message):
        unpack(signed(bytes(forged)))


def test_a_forged_size_is_refused():
    body = pack(HEADER, STREAM)[:-4]
    forged = body.replace(bytes.fromhex("8006"), bytes.fromhex("8180808001"))
    with pytest.raises(CorruptSection, match="268435457x512: sides must be 1 to 16777216"):
        unpack(signed(forged))


@pytest.mark.parametrize("kind", [Extra.ICC, 200])
def test_two_extras_of_one_type_are_refused_whether_known_or_not(kind):
    body = bytearray(pack(HEADER, STREAM, {kind: b"one", 255: b"two"})[:-4])
    body[body.index(b"two") - 2] = kind
    with pytest.raises(CorruptSection, match=f"two sections of type {kind}"):
        unpack(signed(bytes(body)))


@pytest.mark.parametrize("count", [0, 257, 1 << 34])
def test_more_extras_than_types_are_refused_before_they_are_read(count):
    body = pack(HEADER, STREAM, {200: b"one"})[:-4]
    one = bytes([1, 200, 3]) + b"one"
    forged = body.replace(one, varint(count) + bytes([200, 0]) * min(count, 1000))
    with pytest.raises(CorruptSection, match=f"claims {count} sections"):
        unpack(signed(forged))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("model", "", "not a name"),
        ("model", "modèle", "not a name"),
        ("model", "m" * 65, "not a name"),
        ("fingerprint", b"abc", "not 4 bytes"),
        ("width", 0, "0x512: sides must be"),
        ("height", (1 << 24) + 1, "sides must be"),
        ("colour", "cmyk", "neither 'rgb' nor 'grey'"),
        ("quality", 0.5, "quality 0.5"),
        ("quality", 1 + 0.5 / QUALITY_STEPS, "no multiple of 1/64"),
        ("quality", float("nan"), "quality nan"),
        ("symbols_crc", 1 << 32, "32-bit"),
    ],
)
def test_a_header_that_does_not_fit_the_format_cannot_be_made(field, value, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(HEADER, **{field: value})
