"""An endless stream of training batches, each a pure function of (seed, position)."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from train.images import Photos

Batch = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class CropRecipe:
    """How a training example is cut from a photo.

    size: side of the crop, pixels. levels: number of rate levels, one drawn for each crop.
    half_size_probability: how often the crop is cut twice as large and averaged 2x2, which shows
    the model sharper detail and takes the traces of earlier compression away.
    """

    size: int
    levels: int
    half_size_probability: float = 0.0

    def __call__(self, photo: np.ndarray, rng: np.random.Generator) -> Batch:
        """Photo uint8 `[H, W, 3]` -> {"image": uint8 `[size, size, 3]`, "level": float32 `[]`}."""
        image = pad_to(photo, self.size)
        halved = rng.random() < self.half_size_probability
        side = 2 * self.size if halved and min(image.shape[:2]) >= 2 * self.size else self.size
        top = rng.integers(image.shape[0] - side + 1)
        left = rng.integers(image.shape[1] - side + 1)
        image = image[top : top + side, left : left + side]
        if side > self.size:
            image = _average_2x2(image)
        if rng.random() < 0.5:
            image = image[:, ::-1]
        level = np.float32(rng.integers(self.levels))
        return {"image": np.ascontiguousarray(image), "level": np.asarray(level)}


def pad_to(photo: np.ndarray, size: int) -> np.ndarray:
    """`photo` mirrored at its right and bottom edges until both sides are at least `size`."""
    height, width = photo.shape[:2]
    if height >= size and width >= size:
        return photo
    below, right = max(0, size - height), max(0, size - width)
    return np.pad(photo, ((0, below), (0, right), (0, 0)), "symmetric")


def centre_crop(photo: np.ndarray, size: int) -> np.ndarray:
    """The middle uint8 `[size, size, 3]` of a photo, mirrored first where it is smaller."""
    photo = pad_to(photo, size)
    top, left = (photo.shape[0] - size) // 2, (photo.shape[1] - size) // 2
    return photo[top : top + size, left : left + size]


def _average_2x2(image: np.ndarray) -> np.ndarray:
    """uint8 `[2H, 2W, 3]` -> uint8 `[H, W, 3]`, rounded."""
    pairs = image.astype(np.uint16)
    total = pairs[0::2, 0::2] + pairs[1::2, 0::2] + pairs[0::2, 1::2] + pairs[1::2, 1::2]
    return ((total + 2) // 4).astype(np.uint8)


class Batches(Iterator[Batch]):
    """Endless shuffled batches {"image": uint8 `[B, s, s, 3]`, "level": float32 `[B]`}.

    The order and the crops depend on the seed and the position alone, so `state()` is a few
    integers: given back to `restore` it continues the very same stream.
    """

    def __init__(
        self, photos: Photos, recipe: CropRecipe, batch_size: int, seed: int, prefetch: int = 8
    ):
        import grain

        dataset = (
            grain.MapDataset.source(photos)
            .seed(seed)
            .shuffle()
            .repeat()
            .random_map(recipe)
            .batch(batch_size, drop_remainder=True)
        )
        # One thread cuts crops far faster than two cores can train on them.
        options = grain.ReadOptions(num_threads=1, prefetch_buffer_size=prefetch)
        self._iterator = iter(dataset.to_iter_dataset(options))

    def __next__(self) -> Batch:
        return next(self._iterator)

    def state(self) -> dict[str, Any]:
        """The position in the stream, as plain values for JSON."""
        return self._iterator.get_state()

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a position that `state()` gave."""
        self._iterator.set_state(state)
