"""The figures of a folder of pictures without files: in batches, on all devices of this host."""

import functools
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jax.errors import JaxRuntimeError
from PIL import Image

from eval.measure import estimated
from eval.sweep import Pictures, Setting, Sweep, progress, read_picture
from hcfss_jax.codec import Codec
from hcfss_jax.codec.compiled_model import arrays_of
from hcfss_jax.codec.tiles import LARGEST_TILE
from hcfss_jax.errors import HcfError
from hcfss_jax.evaluation import Evaluator, batch_of
from hcfss_jax.weights import check_parameters


class _Item(NamedTuple):
    """A picture at a quality."""

    name: str
    picture: Image.Image
    quality: float


_Size = tuple[int, int]


def sweep_estimates(pictures: Pictures, settings: Sequence[Setting], batch: int) -> Sweep:
    """Every picture at every setting, `batch` pictures of one bucket at a time on each device.

    A picture that fails is named and skipped, with its batch where the device gave up; Ctrl-C keeps those before it.
    Raises WrongWeights for weights that do not fit their model.
    """
    for codec, _ in settings:
        check_parameters(codec.package, codec.model)
    done = Sweep(skipped=dict(pictures.failed))
    at_a_time = batch * jax.local_device_count()
    waiting: dict[tuple[Codec, _Size], list[_Item]] = defaultdict(list)
    try:
        for name, file in progress(pictures.files):
            try:
                picture, note = read_picture(file)
                _check_size(picture)
            except (HcfError, OSError, MemoryError) as error:
                done.skipped[name] = str(error) or type(error).__name__
                continue
            done.enter(name, picture, note)
            for codec, quality in settings:
                size = arrays_of(codec.model, picture.height, picture.width)
                queue = waiting[codec, size]
                queue.append(_Item(name, picture, quality))
                if len(queue) == at_a_time:
                    _measure(done, codec, size, queue, at_a_time)
                    queue.clear()
        for (codec, size), queue in waiting.items():
            if queue:
                _measure(done, codec, size, queue, at_a_time)
    except KeyboardInterrupt:
        done.interrupted = True
    _keep_whole_pictures(done, len(settings))
    return done


def _measure(
    done: Sweep, codec: Codec, size: _Size, items: Sequence[_Item], at_a_time: int
) -> None:
    """The points of a batch."""
    pixels = [np.asarray(item.picture.convert("RGB")) for item in items]
    levels = [item.quality - 1 for item in items]
    batch = batch_of(list(zip(pixels, levels, strict=True)), size)
    batch["grey"] = np.array([item.picture.mode == "L" for item in items])
    try:
        found = _evaluator(codec).start({**batch, "room": at_a_time})()
    except JaxRuntimeError as error:
        why = f"with a smaller --batch it may work; a batch of {at_a_time} ended in {error}"
        done.skipped |= {item.name: why for item in items}
        return
    for number, item in enumerate(items):
        figures = (found.bits[number], found.mse[number], found.ms_ssim[number])
        done.points.append(estimated(codec, *item, *map(float, figures)))


@functools.cache
def _evaluator(codec: Codec) -> Evaluator:
    return Evaluator(codec.model, {"params": codec.params})


def _keep_whole_pictures(done: Sweep, settings: int) -> None:
    """Drops what is missing some of its points, so that every mean is over the same pictures."""
    counts = {name: 0 for name in done.pictures}
    for point in done.points:
        counts[point.image] += 1
    for name, count in counts.items():
        if count < settings:
            del done.pictures[name]
            done.notes.pop(name, None)
    done.points = [point for point in done.points if point.image in done.pictures]


def _check_size(picture: Image.Image) -> None:
    if max(picture.size) > LARGEST_TILE:
        raise HcfError(
            f"a side above {LARGEST_TILE} pixels, which is coded in tiles: measure it through files"
        )
