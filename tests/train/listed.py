"""Images in a list, as a source that tells what was read of it."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image


class Listed:
    """A `train.sources.Source` of the given files; `reads` are the indices that were asked for."""

    digest = "listed"

    def __init__(self, files: Sequence[bytes]):
        self._files = files
        self.reads: list[int] = []

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> bytes:
        self.reads.append(index)
        return self._files[index]

    def name(self, index: int) -> str:
        """The index, written out."""
        return str(index)


def flat_png(value: int, height: int = 8, width: int = 8) -> bytes:
    """A grey image that is recognised by its value, whatever is cut from it."""
    file = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), value, np.uint8)).save(file, "PNG")
    return file.getvalue()
