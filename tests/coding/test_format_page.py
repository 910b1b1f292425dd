"""docs/format.md says what the code does: its worked example, byte for byte."""

import re
import zlib
from pathlib import Path

import numpy as np

from hcfss_jax.coding import Header, RangeDecoder, Tables, encode, pack, symbol_bits, unpack

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
