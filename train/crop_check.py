"""Whether the photos are as large as the crops to be cut from them, before the first step."""

import io

import numpy as np
from PIL import Image

from train.errors import BadConfig
from train.sources import Source, spread


def smaller_than(source: Source, side: int, sample: int = 256) -> tuple[int, int]:
    """(images with a side shorter than `side` pixels, images looked at).

    Looks at the headers of up to `sample` images, evenly spread; those without one that can be
    read do not count.
    """
    sides = [
        _shorter_side(source[int(index)]) for index in spread(len(source), min(sample, len(source)))
    ]
    known = [shorter for shorter in sides if shorter is not None]
    return sum(shorter < side for shorter in known), len(known)


def check_crop(source: Source, crop: int, sample: int = 256) -> str | None:
    """A line for the user where some of the sampled images have to be mirrored to fill a crop.

    Raises BadConfig where all of them have to.
    """
    smaller, known = smaller_than(source, crop, sample)
    if known and smaller == known:
        raise BadConfig(
            f"config.crop={crop} is larger than every one of {known} images looked at: "
            "choose a smaller crop or give larger images"
        )
    if smaller:
        return f"{smaller} of {known} images looked at are smaller than a crop, and mirrored"
    return None


def _shorter_side(data: bytes | np.ndarray) -> int | None:
    if isinstance(data, np.ndarray):
        return min(data.shape[:2])
    try:
        with Image.open(io.BytesIO(data)) as image:
            return min(image.size)
    except Exception:  # damaged: the stream names it when its turn comes
        return None
