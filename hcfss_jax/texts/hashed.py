"""A stand-in for a text encoder: numbers that follow from the letters of a text, and mean nothing.

The same text has the same numbers everywhere, and texts that share words are near each other; that is all. "A dog" and
"a hound" have nothing in common. It is there so that what takes a text can be trained, tested and run without weights
of somebody else's language model.
"""

import hashlib
import itertools
import unicodedata

import numpy as np

from hcfss_jax.texts.embedding import TEXT_NUMBERS

_PLACES = 8  # numbers that an n-gram adds to
_LETTERS = 3  # of the n-grams inside of words


def hashed(text: str, numbers: int = TEXT_NUMBERS) -> np.ndarray:
    """A text to float32 `[numbers]` whose mean square is 1; zeros for one without letters or digits.

    Each word, pair of words, and three letters of a word adds 1 or -1 at places that a hash of it says. Case, accents'
    encoding and what stands between words do not count. A `TextEncoder`.
    """
    total = np.zeros(numbers, np.int64)
    for gram in _grams(text):
        drawn = np.frombuffer(
            hashlib.blake2b(gram.encode(), digest_size=4 * _PLACES).digest(), "<u4"
        )
        np.add.at(total, drawn // 2 % numbers, np.where(drawn % 2, 1, -1))
    length = np.sqrt(np.sum(total.astype(np.float64) ** 2))
    found = total / length * np.sqrt(numbers) if length else total
    return found.astype(np.float32)


def _grams(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(c if c.isalnum() else " " for c in plain).split()
    grams = [f"word {word}" for word in words]
    grams += [f"pair {one} {other}" for one, other in itertools.pairwise(words)]
    for word in words:
        whole = f"^{word}$"
        count = max(1, len(whole) - _LETTERS + 1)
        grams += [f"part {whole[i : i + _LETTERS]}" for i in range(count)]
    return grams
