"""docs/format.md says what the code does: its worked example, byte for byte."""

import re
import zlib
from pathlib import Path

import numpy as np

from hcfss_jax.codec.exact_pixels import make_exact
from hcfss_jax.coding import (
    Header,
    RangeDecoder,
    Tables,
    encode,
    pack,
    pack_exact,
    symbol_bits,
    unpack,
)

PAGE = (Path(__file__).parents[2] / "docs" / "format.md").read_text(encoding="utf-8")

SYMBOLS = np.array([-1, 0, 4, -3], np.int32)
INDICES = np.zeros(4, np.int32)
TABLES = Tables(np.array([0, 32768, 49152, 65536]), np.array([-1]), np.array([3]))


def example(name: str) -> bytes:
    """The hexadecimal bytes of an indented block; what stands beside them is commentary."""
    block = re.search(rf"<!-- {name} -->\n((?:    .*\n?)+)", PAGE)
    assert block is not None
    fields = (re.split(r"\s{2,}", line.strip())[0] for line in block[1].splitlines())
    return bytes.fromhex("".join(fields))


def test_the_stream_of_the_example_is_that_of_its_integers():
    assert symbol_bits(SYMBOLS, INDICES, TABLES).tolist() == [1, 2, 8, 6]
    assert encode([(SYMBOLS, INDICES, TABLES)]) == example("stream")
    decoder = RangeDecoder(example("stream"))
    np.testing.assert_array_equal(decoder.decode(INDICES, TABLES), SYMBOLS)
    decoder.finish()


def test_the_file_of_the_example_is_that_of_its_header():
    header = Header(
        model="hcfssnet-tiny",
        fingerprint=bytes.fromhex("c0ffee42"),
        width=768,
        height=512,
        colour="rgb",
        quality=4.5,
        symbols_crc=zlib.crc32(SYMBOLS.astype("<i4").tobytes()),
    )
    assert pack(header, example("stream")) == example("file")
    assert unpack(example("file")) == (header, example("stream"), {})


def test_a_section_of_exact_pixels_is_as_the_page_has_it():
    """Word and check of six bytes, four of them odd, by the rules that the page gives."""
    pixels = np.array([[[1, 3, 255], [8, 7, 0]]], np.uint8)
    values = (pixels / 255).astype(np.float32)
    made, told = make_exact(values, 2e-5)
    np.testing.assert_array_equal(made, pixels)
    word = _spread(0) ^ _spread(1) ^ _spread(2) ^ _spread(4)
    section = zlib.crc32(pixels.tobytes()).to_bytes(4, "little") + b"\0\1"
    assert pack_exact([told]) == section + word.to_bytes(8, "little")


def _spread(j: int) -> int:
    """C(j), as the page writes it."""
    of_64 = 2**64 - 1
    z = (j + 1) * 0x9E3779B97F4A7C15 & of_64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & of_64
    z = (z ^ z >> 27) * 0x94D049BB133111EB & of_64
    return z ^ z >> 31
