"""The coder of residuals: within the bound everywhere, the same everywhere, and not to be broken by bytes."""

import jax
import numpy as np
import pytest

from hcfss_jax.coding import residual_reference
from hcfss_jax.coding.residual import decode_residual, encode_residual
from hcfss_jax.coding.residual_symbols import GAINS, LARGEST_GAIN
from hcfss_jax.coding.residual_tables import FIRST_LOW, LEVELS, residual_tables, row_of
from hcfss_jax.errors import CorruptSection, InvalidInput
from tests.small_model import photo

RNG = np.random.default_rng(0)
CHECKERS = (np.indices((14, 15)).sum(0)[..., None] % 2 * np.full(3, 255)).astype(np.uint8)
NOISE = RNG.integers(0, 256, (12, 13, 3), np.uint8)
DEEP = np.clip(photo(12, 13) * 257.0 + RNG.normal(size=(12, 13, 3)) * 99, 0, 65535).astype(
    np.uint16
)
EXTREMES = (RNG.integers(0, 2, (11, 12, 3)) * 65535).astype(np.uint16)

CASES = {
    "photo": (photo(15, 16), None, 0, 8),
    "photo, errors of 2": (photo(15, 16), None, 2, 8),
    "noise": (NOISE, None, 0, 8),
    "checkers": (CHECKERS, None, 0, 8),
    "one pixel": (NOISE[:1, :1], None, 0, 8),
    "one row": (photo(1, 16), None, 1, 8),
    "one column": (photo(16, 1), None, 0, 8),
    "16 bits": (DEEP, None, 0, 16),
    "16 bits, extremes": (EXTREMES, None, 0, 16),
    "16 bits, extremes, errors of 300": (EXTREMES, None, 300, 16),
    "12 bits": (DEEP >> 4, None, 0, 12),
    "on a base": (photo(15, 16), photo(15, 16, 1), 0, 8),
    "on the base of another": (CHECKERS, 255 - CHECKERS, 4, 8),
    "16 bits on a base": (EXTREMES, DEEP[:11, :12], 0, 16),
    "grey": (photo(15, 16)[..., :1], None, 0, 8),
}


def steps_apart(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


@pytest.mark.parametrize("truth, base, max_error, depth", CASES.values(), ids=CASES)
def test_no_value_is_off_by_more_and_the_plain_twin_writes_and_reads_the_same(
    truth, base, max_error, depth
):
    data = encode_residual(truth, base, max_error, depth)
    decoded = decode_residual(data, truth.shape, base, max_error, depth)
    assert decoded.dtype == truth.dtype
    assert steps_apart(decoded, truth) <= max_error
    gains = data[: truth.shape[2]]
    assert residual_reference.encode(truth, base, max_error, depth, gains) == data
    twin = residual_reference.decode(data, truth.shape, base, max_error, depth)
    np.testing.assert_array_equal(twin, decoded)


def test_bands_follow_one_another_in_one_stream():
    truth = photo(270, 5)
    data = encode_residual(truth)
    np.testing.assert_array_equal(decode_residual(data, truth.shape), truth)
    assert residual_reference.encode(truth, None, 0, 8, data[:3]) == data


def test_programs_that_come_from_the_compilation_cache_code_the_same():
    first = encode_residual(photo(15, 16))
    jax.clear_caches()  # of this process: the one on disk stays
    assert encode_residual(photo(15, 16)) == first
    np.testing.assert_array_equal(decode_residual(first, (15, 16, 3)), photo(15, 16))


def test_four_channels_and_two_come_back():
    for channels in (2, 4):
        truth = RNG.integers(0, 256, (9, 12, channels), np.uint8)
        np.testing.assert_array_equal(decode_residual(encode_residual(truth), truth.shape), truth)


def test_a_base_that_is_near_makes_the_stream_shorter():
    truth = photo(15, 16)
    near = np.clip(truth.astype(int) + RNG.integers(-1, 2, truth.shape), 0, 255).astype(np.uint8)
    assert len(encode_residual(truth, near)) < 0.7 * len(encode_residual(truth))


def test_bytes_that_no_writer_wrote_are_named_or_give_another_picture():
    truth = photo(15, 16)
    data, named = encode_residual(truth), 0
    for trial in range(60):
        bad = bytearray(data)
        for place in RNG.integers(0, len(bad), 3):
            bad[place] = RNG.integers(0, 256)
        cut = bytes(bad[: RNG.integers(0, len(bad) + 1)] if trial % 2 else bad)
        try:
            assert decode_residual(cut, truth.shape).shape == truth.shape
        except CorruptSection:
            named += 1
    assert named
    for nothing in (b"", b"\0\0\0", b"\x10\x10"):
        with pytest.raises(CorruptSection):
            decode_residual(nothing, truth.shape)


def test_what_is_no_picture_is_refused():
    for truth, base, max_error, depth in [
        (np.zeros((4, 4, 5), np.uint8), None, 0, 8),
        (np.zeros((0, 4, 3), np.uint8), None, 0, 8),
        (np.zeros((4, 4, 3), np.float32), None, 0, 8),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8), 0, 8),
        (np.zeros((4, 4, 3), np.uint8), None, -1, 8),
        (np.zeros((4, 4, 3), np.uint8), None, 256, 8),
        (np.full((4, 4, 3), 1024, np.uint16), None, 0, 10),
        (np.zeros((4, 4, 3), np.uint16), None, 0, 17),
    ]:
        with pytest.raises(InvalidInput):
            encode_residual(truth, base, max_error, depth)


def test_every_spread_has_a_table():
    spread = np.unique(np.geomspace(1, (1 << 23) - 1, 5000).astype(np.int32))
    tables = residual_tables()
    for gain in (1, *GAINS, LARGEST_GAIN):
        for step in (1, 3, 9, 601):
            for offset in (-4, 0, 3):
                table, shift, _ = row_of(spread, np.full_like(spread, offset), gain, step)
                assert table.min() >= 0 and table.max() < FIRST_LOW
                assert FIRST_LOW + shift.max() < len(tables)
    assert len(tables) == LEVELS * 5 + 13
