"""Bits on which two sides all but agree: which of the doubtful ones differ is found by parities."""

import numpy as np
import pytest

from hcfss_jax.coding.parities import WORD, columns, find_differing, parities


def test_columns_are_the_generator_that_the_format_names():
    """The first numbers of SplitMix64 with seed 0, as its authors' program prints them."""
    assert [hex(c) for c in columns(3).tolist()] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]
    np.testing.assert_array_equal(columns(5, first=7), columns(12)[7:])


@pytest.mark.parametrize("blocks", [1, 3, 64])
def test_parities_are_sums_of_columns_dealt_out_to_the_blocks_in_turn(blocks):
    bits = np.random.default_rng(0).random(1000) < 0.5
    expected = np.zeros(blocks, np.uint64)
    for i in np.flatnonzero(bits):
        expected[i % blocks] ^= columns(1, i // blocks)[0]
    np.testing.assert_array_equal(parities(bits, blocks), expected)


def test_parities_do_not_depend_on_how_much_is_held_at_a_time(monkeypatch):
    bits = np.random.default_rng(0).random(5000) < 0.5
    whole = parities(bits, 7)
    monkeypatch.setattr("hcfss_jax.coding.parities._CHUNK", 100)
    np.testing.assert_array_equal(parities(bits, 7), whole)


def doubts(rng: np.random.Generator, candidates: int) -> tuple[np.ndarray, np.ndarray]:
    """Bits of a block of 100,000 at random places, in doubt as those of pixels are: weights, and columns."""
    away = np.sort(
        rng.uniform(0, candidates / 23, candidates)
    )  # 1.5 parities for each bit in doubt
    probability = np.exp(-away) / 2
    return np.log((1 - probability) / probability), rng.permutation(columns(100_000))[:candidates]


@pytest.mark.parametrize("seed", range(12))
def test_those_that_differ_are_found(seed):
    rng = np.random.default_rng(seed)
    weights, of_bits = doubts(rng, 400)
    # As of a reader whose noise is half of what the parities are meant for.
    differ = np.flatnonzero(rng.random(400) < 2 / (1 + np.exp(weights)) ** 2)
    word = int(np.bitwise_xor.reduce(of_bits[differ], initial=np.uint64(0)))
    found = find_differing(word, of_bits, weights)
    assert found is not None
    assert sorted(found) == differ.tolist()


@pytest.mark.parametrize("beyond", [(120,), (100, 200), (70, 110, 130)])
def test_some_that_were_hardly_in_doubt_are_found_too(beyond):
    """Beyond the 64 that linear algebra settles."""
    weights, of_bits = doubts(np.random.default_rng(1), 400)
    differ = [2, *beyond]
    found = find_differing(int(np.bitwise_xor.reduce(of_bits[differ])), of_bits, weights)
    assert found is not None and sorted(found) == differ


def test_a_word_that_few_bits_cannot_add_up_to_has_no_answer():
    weights, of_bits = doubts(np.random.default_rng(1), 20)
    assert find_differing(0xDEADBEEF, of_bits, weights) is None


def test_the_bits_found_always_add_up():
    weights, of_bits = doubts(np.random.default_rng(2), 400)
    found = find_differing(0xDEADBEEF, of_bits, weights)
    assert found is not None and np.bitwise_xor.reduce(of_bits[found]) == 0xDEADBEEF
    assert found.size - 3 <= WORD
