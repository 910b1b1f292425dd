"""Pictures of several sizes as the batches that are evaluated."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from hcfss_jax.codec.compiled_model import arrays_of
from hcfss_jax.codec.picture_stream import padded
from hcfss_jax.errors import InvalidInput

LARGEST_SIDE = 16_384
"""Pixels of an array, as `squared_error_within` counts them."""

Batch = Mapping[str, Any]
"""Pictures in arrays of one size, NumPy's or what NumPy reads.

rgb: uint8 `[B, H, W, 3]`, sides as the model takes them, each picture at the top left; what lies beyond does not count.
area: int `[B, 2]`, height and width of each picture; (0, 0) for what only fills the batch.
level: `[B]`, quality - 1 of each.
May be left out: grey, bool `[B]`, of which the luma is shown; room, an int: later batches of this size hold so many
pictures, and go through the same program.
"""


def batches_of(
    model: Any, pictures: Iterable[np.ndarray], levels: Sequence[float], at_a_time: int
) -> Iterator[dict[str, np.ndarray]]:
    """Batches for `evaluate` of pictures of any sizes, each at each level, in the few sizes of arrays that a codec has.

    pictures: uint8 `[H, W, 3]`. at_a_time: of a size in a batch; the last of a size may hold fewer.
    """
    waiting: dict[tuple[int, int], list[tuple[np.ndarray, float]]] = {}
    for rgb in pictures:
        size = arrays_of(model, *rgb.shape[:2])
        for level in levels:
            queue = waiting.setdefault(size, [])
            queue.append((rgb, level))
            if len(queue) == at_a_time:
                yield batch_of(queue, size)
                queue.clear()
    for size, queue in waiting.items():
        if queue:
            yield batch_of(queue, size)


def batch_of(
    items: Sequence[tuple[np.ndarray, float]], size: tuple[int, int]
) -> dict[str, np.ndarray]:
    """A batch of (uint8 `[H, W, 3]`, level) in arrays of height and width `size`."""
    return {
        "rgb": np.concatenate([padded(rgb, size) for rgb, _ in items]),
        "area": np.array([rgb.shape[:2] for rgb, _ in items], np.int32),
        "level": np.array([level for _, level in items], np.float32),
    }


def checked(model: Any, batch: Batch) -> dict[str, np.ndarray]:
    """Its arrays, of the pictures that count, with `grey`. Raises InvalidInput for what the model does not take."""
    if missing := {"rgb", "area", "level"} - set(batch):
        raise InvalidInput(f"a batch holds rgb, area and level, and this one no {min(missing)}")
    batch = jax.device_get(dict(batch))
    rgb, area = np.asarray(batch["rgb"]), np.asarray(batch["area"])
    level = np.asarray(batch["level"], np.float32)
    grey = np.asarray(batch.get("grey", np.zeros(len(rgb), bool)), bool)
    told = f"rgb {list(rgb.shape)}, area {list(area.shape)}, level {list(level.shape)}"
    if rgb.ndim != 4 or area.shape != (len(rgb), 2) or not level.shape == grey.shape == (len(rgb),):
        raise InvalidInput(f"a batch is rgb [B, H, W, 3], area [B, 2] and level [B], not {told}")
    size, multiple = rgb.shape[1:3], model.multiple
    kept = area.min(axis=1) > 0
    smallest = 1 if model.paddable else np.subtract(size, multiple - 1)
    if max(size) > LARGEST_SIDE:
        raise InvalidInput(f"arrays of a batch have sides up to {LARGEST_SIDE}: not {told}")
    if np.any(area[kept] > size) or np.any(area[kept] < smallest):
        raise InvalidInput(
            f"area is the height and width of each picture, within arrays of {size[0]}x{size[1]}"
            + f" and {multiple - 1} pixels smaller at most" * (not model.paddable)
            + f": not {area[kept].tolist()}"
        )
    if not np.all((level[kept] >= 0) & (level[kept] <= model.config.levels - 1)):
        raise InvalidInput(f"levels are 0 to {model.config.levels - 1}, not {level[kept].tolist()}")
    arrays = {"rgb": rgb, "area": area.astype(np.int32), "level": level, "grey": grey}
    return arrays if kept.all() else {name: part[kept] for name, part in arrays.items()}
