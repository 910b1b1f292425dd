"""The decoded images of a source, kept in memory while they fit, a bad one replaced by the next."""

import threading

import numpy as np

from hcfss_jax.errors import UnreachablePlace, first_line_with_type
from hcfss_jax.pictures.images import read_image
from train.errors import NoImages
from train.sources import Source, caption_of

_PATIENCE = 100  # unreadable images in a row before the data are at fault, not an image


class Photos:
    """`photos[i]` is (uint8 `[H, W, 3]`, replaced): the i-th image, upright.

    Where that cannot be read, the next one of the source that can be takes its place, and
    `replaced` is i instead of -1. What was decoded first stays in memory, up to `cache_bytes` of
    pixels; the rest is decoded each time. Safe over threads; pickled without the pixels.
    """

    def __init__(self, source: Source, cache_bytes: float = 0):
        self._source, self._cache_bytes = source, cache_bytes
        self._start_empty()

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        """Raises NoImages after a hundred unreadable images in a row."""
        photo, taken = self._first_readable(index)
        return photo, -1 if taken == index else index

    def with_caption(self, index: int) -> tuple[np.ndarray, int, str]:
        """The same, with what is said of the image that is taken."""
        photo, taken = self._first_readable(index)
        return photo, -1 if taken == index else index, caption_of(self._source, taken)

    def _first_readable(self, index: int) -> tuple[np.ndarray, int]:
        """The image, or the next that can be read; and its number."""
        patience = min(_PATIENCE, len(self))
        for step in range(patience):
            taken = (index + step) % len(self)
            photo = self._read(taken)
            if photo is not None:
                return photo, taken
        raise NoImages(
            f"{patience} images in a row cannot be read, from {self._source.name(index)}: "
            f"{_why(self._source, index)}"
        )

    def __getstate__(self) -> tuple[Source, float]:
        return self._source, self._cache_bytes

    def __setstate__(self, state: tuple[Source, float]) -> None:
        self._source, self._cache_bytes = state
        self._start_empty()

    def _start_empty(self) -> None:
        self._kept: dict[int, np.ndarray | None] = {}
        self._room = self._cache_bytes
        self._lock = threading.Lock()

    def _read(self, index: int) -> np.ndarray | None:
        """None for an image that cannot be read."""
        if index in self._kept:
            return self._kept[index]
        photo = decode(self._source, index)
        size = 0 if photo is None else photo.nbytes
        with self._lock:
            if index not in self._kept and size <= self._room:
                self._room -= size
                self._kept[index] = photo
        return photo


def decode(source: Source, index: int) -> np.ndarray | None:
    """The image as uint8 RGB `[H, W, 3]`, upright; None where it cannot be read.

    Raises UnreachablePlace where what is at fault is not the image.
    """
    try:
        return read_image(source[index]).at_depth(8).rgb
    except UnreachablePlace:
        raise
    except Exception:  # damage leads a decoder to errors of any kind, IndexError and struct.error
        return None


def _why(source: Source, index: int) -> str:
    """What speaks against an image that cannot be read, in one line."""
    try:
        read_image(source[index])
    except Exception as error:
        return first_line_with_type(error)
    return "it can now"


class Captioned:
    """`captioned[i]` is `Photos.with_caption(i)`, for what walks through a sequence."""

    def __init__(self, photos: Photos):
        self._photos = photos

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int, str]:
        return self._photos.with_caption(index)
