"""The jitted range coder against its twin, against ideal length, and against bad data."""

import contextlib

import numpy as np
import pytest

from hcfss_jax.coding import (
    RangeDecoder,
    Tables,
    encode,
    gaussian_tables,
    reference,
    symbol_bits,
    tables_from_pmfs,
)
from hcfss_jax.errors import CorruptSection

INT32 = np.iinfo(np.int32)


def random_tables(rng: np.random.Generator, count: int, longest: int) -> Tables:
    """Tables of random lengths, from the escape alone upwards, and of random skew."""
    pmfs = []
    for length in rng.integers(0, longest, count):
        pmf = rng.dirichlet(np.full(length + 1, 10.0 ** rng.uniform(-2, 1)))
        pmfs.append(pmf[:length])
    return tables_from_pmfs(pmfs, rng.integers(-1000, 1000, count))


def random_part(rng: np.random.Generator, tables: Tables, count: int, far: float = 0.02):
    """Symbols in and around their tables, and a share `far` from anywhere in int32."""
    indices = rng.integers(0, len(tables), count).astype(np.int32)
    near = rng.integers(-3, tables.length[indices] + 3) + tables.offset[indices]
    anywhere = rng.integers(INT32.min, INT32.max, count, endpoint=True)
    symbols = np.where(rng.random(count) < far, anywhere, near)
    return symbols.astype(np.int32), indices, tables


def decode(data: bytes, parts) -> list[np.ndarray]:
    """All parts of a stream, which must end with them."""
    decoder = RangeDecoder(data)
    symbols = [decoder.decode(indices, tables) for _, indices, tables in parts]
    decoder.finish()
    return symbols


def assert_round_trip(parts) -> bytes:
    """The stream, which decodes to the parts and is the twin's to the byte."""
    data = encode(parts)
    assert data == reference.encode(parts)
    for decoded, (symbols, _, _) in zip(decode(data, parts), parts, strict=True):
        assert decoded.dtype == np.int32
        np.testing.assert_array_equal(decoded, symbols)
    return data


@pytest.mark.parametrize("seed", range(8))
def test_streams_of_random_tables_are_the_twins_and_decode(seed):
    rng = np.random.default_rng(seed)
    tables = [random_tables(rng, 12, longest) for longest in (3, 40, 400)]
    sizes = rng.integers(0, 250, 9)
    parts = [random_part(rng, tables[i % 3], size) for i, size in enumerate(sizes)]
    assert_round_trip(parts)


def test_many_tiny_streams_end_as_the_twins_do():
    # Every ending (none, one or two bytes, an open carry) comes up many times over.
    rng = np.random.default_rng(0)
    tables = random_tables(rng, 20, 60)
    endings = set()
    for size in range(300):
        data = assert_round_trip([random_part(rng, tables, size % 12, far=0.05)])
        endings.add(len(data) % 2)
    assert endings == {0, 1}


def test_the_twin_reads_what_the_engine_writes():
    rng = np.random.default_rng(1)
    parts = [random_part(rng, random_tables(rng, 5, 100), 400)]
    decoder = reference.Decoder(encode(parts))
    np.testing.assert_array_equal(decoder.decode(*parts[0][1:]), parts[0][0])
    assert decoder.finish()


def test_the_ends_of_int32_survive_any_table():
    ends = np.array([INT32.min, INT32.max, INT32.min + 1, 0, -1, 1], np.int32)
    for offset in (-(1 << 20), 0, 1 << 20):
        tables = tables_from_pmfs([np.array([0.5, 0.25])], [offset])
        assert_round_trip([(ends, np.zeros(ends.size, np.int32), tables)])


def test_a_table_of_the_escape_alone_codes_everything_by_it():
    tables = tables_from_pmfs([np.zeros(0)], [7])
    symbols = np.arange(-40, 40, dtype=np.int32)
    assert_round_trip([(symbols, np.zeros(symbols.size, np.int32), tables)])


def test_long_carries_reach_back_over_many_words():
    # The middle of the interval, then its upper part again and again, keeps the carry open.
    tables = Tables(np.array([0, 32767, 32769, 65536]), np.array([0]), np.array([3]))
    rng = np.random.default_rng(2)
    for last in (0, 1, 3, -5):
        symbols = np.append(np.ones(40, np.int32), rng.integers(0, 2, 3)).astype(np.int32)
        symbols = np.append(symbols, np.int32(last))
        assert_round_trip([(symbols, np.zeros(symbols.size, np.int32), tables)])


def test_nothing_is_coded_in_no_bytes():
    empty = np.zeros(0, np.int32)
    tables = gaussian_tables(np.array([1.0]))
    nowhere = tables_from_pmfs([], [])
    assert encode([]) == b""
    assert encode([(empty, empty, tables), (empty, empty, nowhere)]) == b""
    assert [part.size for part in decode(b"", [(empty, empty, tables)])] == [0]


def test_later_indices_may_depend_on_decoded_symbols():
    tables = gaussian_tables(np.geomspace(0.2, 20, 10))
    rng = np.random.default_rng(3)
    first = rng.integers(0, 10, 50).astype(np.int32)
    second = rng.integers(-9, 9, 50).astype(np.int32)
    data = encode([(first, np.full(50, 9, np.int32), tables), (second, first, tables)])
    decoder = RangeDecoder(data)
    known = decoder.decode(np.full(50, 9, np.int32), tables)
    np.testing.assert_array_equal(decoder.decode(known, tables), second)
    decoder.finish()


@pytest.mark.parametrize("scale", [0.11, 0.4, 3.0, 60.0])
def test_length_is_within_a_twentieth_of_a_percent_of_the_ideal(scale):
    rng = np.random.default_rng(4)
    tables = gaussian_tables(np.array([scale, 1.0]))
    indices = (rng.random(100_000) < 0.2).astype(np.int32)
    symbols = np.round(rng.normal(size=indices.size) * np.where(indices, 1.0, scale))
    part = (symbols.astype(np.int32), indices, tables)
    ideal = symbol_bits(*part).sum()
    # Zeros at the end are not written, which may save the last 32-bit window.
    assert ideal - 32 <= 8 * len(encode([part])) <= 1.0005 * ideal


def test_symbol_bits_counts_escapes_as_the_coder_spends_them():
    tables = tables_from_pmfs([np.array([0.25, 0.25])], [0])  # the escape has the other half
    symbols = np.array([0, 1, 2, -1, 5, -16], np.int32)
    # Escape 1, then 2 bits for a distance of 1, and 2 more for every doubling of it.
    expected = [2, 2, 1 + 2, 1 + 2, 1 + 6, 1 + 10]
    indices = np.zeros(symbols.size, np.int32)
    np.testing.assert_allclose(symbol_bits(symbols, indices, tables), expected, rtol=1e-12)


def test_bytes_are_refused_or_are_the_very_stream_of_what_they_decode_to():
    rng = np.random.default_rng(5)
    tables = random_tables(rng, 30, 200)
    indices = rng.integers(0, 30, 300).astype(np.int32)
    refused = 0
    for length in [*range(40), *rng.integers(0, 400, 60)]:
        data = bytes(length) if length % 5 == 0 else rng.bytes(length)
        decoder = RangeDecoder(data)
        try:
            symbols = decoder.decode(indices, tables)
            decoder.finish()
        except CorruptSection:
            refused += 1
        else:
            assert encode([(symbols, indices, tables)]) == data
    assert 0 < refused < 100


def test_the_engine_reads_garbage_as_the_twin_does():
    rng = np.random.default_rng(6)
    tables = random_tables(rng, 10, 20)
    indices = rng.integers(0, 10, 60).astype(np.int32)
    for length in range(0, 120, 3):
        data, outcomes = rng.bytes(length), []
        for decoder in (RangeDecoder(data), reference.Decoder(data)):
            try:
                outcomes.append(decoder.decode(indices, tables).tolist())
            except CorruptSection as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1]


def test_an_endless_escape_is_refused():
    tables = tables_from_pmfs([np.zeros(0)], [0])
    with pytest.raises(CorruptSection, match="32 bits"):
        RangeDecoder(bytes(100)).decode(np.zeros(1, np.int32), tables)


def test_a_stream_that_goes_on_is_refused_at_its_end():
    rng = np.random.default_rng(7)
    symbols, indices, tables = random_part(rng, random_tables(rng, 5, 30), 100)
    decoder = RangeDecoder(encode([(symbols, indices, tables)]))
    decoder.decode(indices[:50], tables)
    with pytest.raises(CorruptSection, match="does not end"):
        decoder.finish()


def test_callers_are_told_what_is_wrong_with_their_arrays():
    tables = gaussian_tables(np.array([1.0, 2.0]))
    zeros = np.zeros(3, np.int32)
    with pytest.raises(ValueError, match="indices from 0 to 2, but there are 2 tables"):
        encode([(zeros, np.array([0, 1, 2], np.int32), tables)])
    with pytest.raises(ValueError, match="indices from -1 to 0"):
        RangeDecoder(b"").decode(np.array([-1, 0], np.int32), tables)
    with pytest.raises(ValueError, match="symbols must be int32"):
        encode([(np.zeros(3), zeros, tables)])
    with pytest.raises(ValueError, match="3 symbols, but 2 indices"):
        encode([(zeros, zeros[:2], tables)])
    with pytest.raises(ValueError, match="unknown engine 'cuda'; there are auto, jax, tfc"):
        encode([], engine="cuda")


@pytest.mark.parametrize("count", [4095, 4096, 4097])
def test_escapes_at_both_ends_survive_where_arrays_are_padded(count):
    # Arrays are padded to 4096, 16384, ...: the last symbol may lie at the very end of one.
    tables = gaussian_tables(np.array([0.3]))
    symbols = np.zeros(count, np.int32)
    symbols[[0, -1]] = 1000, INT32.min
    part = (symbols, np.zeros(count, np.int32), tables)
    np.testing.assert_array_equal(decode(encode([part]), [part])[0], symbols)


@pytest.mark.parametrize("seed", range(4))
def test_of_the_first_bytes_of_a_stream_is_certain_what_no_byte_behind_them_could_change(seed):
    """The least and the greatest that may follow are zeros and ones for ever: what both decode to, all do."""
    rng = np.random.default_rng(seed)
    tables = random_tables(rng, 6, 60)
    parts = [random_part(rng, tables, size, far=0.05) for size in (7, 30, 1, 50)]
    data = encode(parts)

    def decoded(stream: bytes) -> list[np.ndarray]:
        """As many parts as can be read."""
        decoder, found = RangeDecoder(stream), []
        with contextlib.suppress(CorruptSection):
            for _, indices, given in parts:
                found.append(decoder.decode(indices, given))
        return found

    told = []
    for length in range(len(data) + 1):
        start, certain = data[:length], []
        decoder = RangeDecoder(start)
        with contextlib.suppress(CorruptSection):
            for symbols, indices, given in parts:
                found = decoder.decode(indices, given)
                if not decoder.is_certain():
                    break
                np.testing.assert_array_equal(found, symbols)
                certain.append(found)
        least, most = decoded(start + bytes(40)), decoded(start + bytes([255]) * 40)
        same = [np.array_equal(a, b) for a, b in zip(least, most, strict=False)]
        assert len(certain) == [*same, False].index(False)
        told.append(len(certain))
    assert told == sorted(told) and {*told} >= {0, 1, 2, 3}
