"""What an embedding of a text is, whoever makes it."""

from typing import Protocol

import numpy as np

TEXT_NUMBERS = 768
"""Of an embedding: BERT's width."""


class TextEncoder(Protocol):
    """A function of a text to float32 `[768]`; of an empty one zeros, which stand for no text."""

    def __call__(self, text: str) -> np.ndarray: ...
