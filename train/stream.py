"""An endless stream of training batches, each a pure function of (seed, position).

Example k of a stream is the same whatever the number of hosts, worker processes and threads:
image k mod N of a permutation that each epoch draws anew, cut as the k-th random numbers say.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from train.errors import BadConfig, NoImages
from train.example import Example
from train.photos import Captioned, Photos
from train.sources import Source
from train.training_crop import Recipe

Batch = dict[str, np.ndarray]


class Stream(Iterator[Batch]):
    """This host's part of each batch, endlessly; to be closed when it has workers.

    position: examples of all hosts taken so far, which is all there is to save: a stream made
    with it goes on from there at once. unreadable: names of the images that could not be read
    and gave way to their neighbour in this host's batches -> how many times.
    """

    def __init__(
        self,
        source: Source,
        recipe: Recipe,
        batch_size: int,
        seed: int,
        *,
        position: int = 0,
        host: int = 0,
        hosts: int = 1,
        workers: int = 0,
        threads: int = 2,
        cache_gib: float = 0.0,
        prefetch: int = 8,
    ):
        """batch_size: examples a batch, over all hosts. workers: processes that decode and crop
        (0: threads of this one do). threads: in each of these processes, a batch for each.
        cache_gib: memory for decoded images, all processes together. prefetch: batches ready in
        advance. Raises NoImages for an empty source, BadConfig if the hosts cannot share a batch.
        """
        import absl.flags
        import grain.multiprocessing

        if not len(source):
            raise NoImages("there are no images to train on")
        if batch_size % hosts:
            raise BadConfig(f"config.batch_size={batch_size} is no multiple of the {hosts} hosts")
        self.position = position
        self.unreadable: dict[str, int] = {}
        self._source, self._batch_size = source, batch_size
        processes = max(workers, 1)
        photos = Photos(source, cache_gib * 2**30 / processes)
        asks = getattr(recipe, "asks_caption", False)
        batches = (
            grain.MapDataset.source(Captioned(photos) if asks else photos)
            .seed(seed)
            .shuffle()
            .repeat()
            .random_map(_Cut(recipe))
            .slice(slice(position + host, None, hosts))
            .batch(batch_size // hosts, drop_remainder=True)
            .to_iter_dataset(grain.ReadOptions(threads, -(-prefetch // processes)))
        )
        if workers:
            absl.flags.FLAGS.mark_as_parsed()  # grain reads flags of its own, in any program
            options = grain.multiprocessing.MultiprocessingOptions(
                workers, per_worker_buffer_size=2
            )
            batches = batches.mp_prefetch(options, worker_init_fn=_depend_on_trainer)
        self._batches = iter(batches)

    def __next__(self) -> Batch:
        """Arrays `[b, ...]` of what the recipe makes, see `train.example`; b is the batch size over
        the hosts. Raises NoImages when a hundred images in a row fail.
        """
        batch = dict(next(self._batches))
        self.position += self._batch_size
        for index in batch.pop("replaced"):
            if index >= 0:
                name = self._source.name(int(index))
                self.unreadable[name] = self.unreadable.get(name, 0) + 1
        return batch

    def close(self) -> None:
        """Stop the threads and the worker processes."""
        if close := getattr(self._batches, "close", None):  # older grain ends them by collection
            close()
        self._batches = iter(())

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _Cut:
    """The recipe, with a note of the image that had to be replaced."""

    def __init__(self, recipe: Recipe):
        self._recipe = recipe

    def __call__(self, element: tuple[Any, ...], rng: np.random.Generator) -> Example:
        photo, replaced, *caption = element
        example = self._recipe(photo, rng, *caption)
        return {**example, "replaced": np.asarray(replaced, np.int64)}


def _depend_on_trainer(worker: int, workers: int) -> None:
    """End this worker with the trainer, however that ends, and not before.

    Without this a worker whose trainer was killed outright waits for it for ever; and a signal
    sent to the whole job would take the batches from a trainer about to save its state.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    trainer = multiprocessing.parent_process()
    assert trainer is not None

    def follow() -> None:
        trainer.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
