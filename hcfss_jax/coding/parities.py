"""Bits on which a writer and a reader all but agree, told by parities.

The two differ in few of very many bits, and the reader knows which of its own are in doubt. So neither bits nor places
need to be told: for each block of bits a word of 64 parities says how those that differ add up (coding with what the
reader knows: Slepian and Wolf 1973), and the likeliest set of doubtful bits that adds up to that is the one.

The search for it is that of ordered statistics (Fossorier and Lin 1995). The most doubtful bits whose columns are
independent, 64 of them, are settled by linear algebra, whatever is decided of the others; of those next in doubt one,
two or three are tried as differing. It is no part of the file format: a better one reads the same files.
"""

import functools
from collections.abc import Sequence

import numpy as np

WORD = 64
"""Parities of a block."""

CANDIDATES = 400
"""Bits of a block that are looked at, the most doubtful ones."""

_FEW = (
    6  # so few of 64 that differ are no chance: a thousand million sets of bits against 2^64 words
)
_PAIRED, _TRIPLED = (
    300,
    90,
)  # of those outside of the basis, how many are tried in pairs, and in threes
_CHUNK = 1 << 20  # bits whose columns exist at a time


def columns(count: int, first: int = 0) -> np.ndarray:
    """The parities that each bit of a block takes part in, by its number in the block: uint64 `[count]`.

    Numbers first + 1 and so on of the generator SplitMix64 with seed 0 (Steele, Lea and Flood 2014).
    """
    z = np.arange(first + 1, first + 1 + count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def parities(bits: np.ndarray, blocks: int) -> np.ndarray:
    """The words of bits, bool `[n]`: uint64 `[blocks]`. Bit i is number i // blocks of block i % blocks."""
    words = np.zeros(blocks, np.uint64)
    if not blocks:
        return words
    rows = max(1, _CHUNK // blocks)
    for first in range(0, -(-bits.size // blocks), rows):
        part = bits[first * blocks : (first + rows) * blocks]
        part = np.pad(part, (0, -part.size % blocks)).reshape(-1, blocks)
        taking_part = np.where(part, columns(len(part), first)[:, None], np.uint64(0))
        words ^= np.bitwise_xor.reduce(taking_part, axis=0)
    return words


def find_differing(word: int, of_bits: np.ndarray, weights: np.ndarray) -> np.ndarray | None:
    """Which bits of a block differ, by number: the set of least weight whose columns add up to `word`.

    word: the difference of the writer's parities and the reader's. of_bits: columns of the candidates, uint64 `[k]`,
    the most doubtful first. weights: of each, what speaks against its differing: log((1 - p) / p) of the probability.
    None where no set of candidates adds up to it.
    """
    basis, steps = _basis(of_bits.tolist())
    left, told = _told_by(np.array([word], np.uint64), steps)
    if left[0]:
        return None
    outside = np.setdiff1d(np.arange(of_bits.size), basis)
    _, of_outside = _told_by(of_bits[outside], steps)
    cost = _Cost(weights[basis])
    found = (float(cost.of(told)[0]), int(told[0]), np.zeros(0, int))
    for size in (1, 2, 3):
        if size == 2 and found[1].bit_count() + found[2].size <= _FEW:
            break
        sets = _sets(size, outside.size)
        if not len(sets):
            continue
        settled = np.bitwise_xor.reduce(of_outside[sets], axis=1) ^ told[0]
        total = cost.of(settled) + weights[outside][sets].sum(axis=1)
        best = int(total.argmin())
        if total[best] < found[0]:
            found = (float(total[best]), int(settled[best]), sets[best])
    inside = [number for i, number in enumerate(basis) if found[1] >> i & 1]
    return np.array([*inside, *outside[found[2]]], int)


def _basis(of_bits: Sequence[int]) -> tuple[list[int], list[tuple[int, int, int]]]:
    """The first independent columns, by number; and steps that tell any column by them: a highest bit, the vector that
    takes it away, and which columns of the basis add up to that vector.
    """
    chosen: list[int] = []
    steps: list[tuple[int, int, int]] = []
    for number, vector in enumerate(of_bits):
        told = 1 << len(chosen)
        for highest, other, how in steps:
            if vector >> highest & 1:
                vector, told = vector ^ other, told ^ how
        if vector:
            steps.append((vector.bit_length() - 1, vector, told))
            chosen.append(number)
            if len(chosen) == WORD:
                break
    return chosen, steps


def _told_by(
    vectors: np.ndarray, steps: Sequence[tuple[int, int, int]]
) -> tuple[np.ndarray, np.ndarray]:
    """What of vectors the basis does not reach, and which of its columns add up to the rest: uint64 `[k]` each."""
    left, told = vectors.copy(), np.zeros_like(vectors)
    for highest, other, how in steps:
        has = (left >> np.uint64(highest) & np.uint64(1)) * np.uint64(2**WORD - 1)
        left ^= has & np.uint64(other)
        told ^= has & np.uint64(how)
    return left, told


class _Cost:
    """The sum of the weights of a set that is given as the bits of a word, by a table for each of its bytes."""

    def __init__(self, weights: np.ndarray):
        whole = np.pad(weights, (0, WORD - weights.size)).reshape(-1, 8)
        bits = np.arange(256)[:, None] >> np.arange(8) & 1
        self._tables = whole @ bits.T

    def of(self, words: np.ndarray) -> np.ndarray:
        """float64 `[k]`."""
        total = np.zeros(words.shape)
        for i, table in enumerate(self._tables):
            total += table[(words >> np.uint64(8 * i) & np.uint64(255)).astype(np.intp)]
        return total


@functools.cache
def _sets(size: int, outside: int) -> np.ndarray:
    """The sets of so many bits outside of the basis that are tried, int `[k, size]`."""
    if size == 1:
        return np.arange(outside)[:, None]
    if size == 2:
        return np.stack(np.triu_indices(min(outside, _PAIRED), 1), axis=1)
    first, second = np.triu_indices(min(outside, _TRIPLED), 1)
    third = np.arange(min(outside, _TRIPLED))
    pair, last = np.nonzero(second[:, None] < third)
    return np.stack([first[pair], second[pair], third[last]], axis=1)
