"""The stream of training batches."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from configs import selic
from hcfss_jax.texts import hashed
from tests.train.listed import Listed, flat_png
from train.errors import BadConfig, NoImages
from train.sources import open_source, split
from train.stream import Batch, Stream
from train.training_crop import CropRecipe, build_recipe

_RECIPE = CropRecipe(size=4, levels=4)
_IMAGES = 10
_SOURCE = Listed([flat_png(value) for value in range(_IMAGES)])


def _take(examples: int, hosts: int = 1, workers: int = 0, **options: int) -> Batch:
    """That many examples in global order, put together from batches of 4 of all hosts."""
    settings = {"batch_size": 4, "seed": 3, **options}
    with contextlib.ExitStack() as stack:
        streams = [
            stack.enter_context(
                Stream(_SOURCE, _RECIPE, **settings, host=host, hosts=hosts, workers=workers)
            )
            for host in range(hosts)
        ]
        batches = []
        for _ in range(examples // settings["batch_size"]):
            parts = [next(stream) for stream in streams]
            batches.append({k: np.stack([p[k] for p in parts], 1) for k in parts[0]})
    shapes = {k: batches[0][k].shape[2:] for k in batches[0]}
    return {k: np.concatenate([b[k] for b in batches]).reshape(-1, *shapes[k]) for k in shapes}


def _assert_equal(one: Batch, other: Batch) -> None:
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


@pytest.fixture(scope="module")
def plain() -> Batch:
    """Six epochs of one host without workers."""
    return _take(6 * _IMAGES)


def test_batches_have_the_promised_shapes() -> None:
    batch = next(Stream(_SOURCE, _RECIPE, 6, 0, hosts=2))
    facts = {name: (value.shape, value.dtype) for name, value in batch.items()}
    assert facts == {
        "image": ((3, 4, 4, 3), np.uint8),
        "level": ((3,), np.float32),
        "noise": ((3,), np.uint32),
    }


def test_what_is_said_of_a_photo_comes_as_numbers_or_as_none(tmp_path: Path) -> None:
    for value, caption in ((1, "a dog"), (2, "two women"), (3, None)):
        (tmp_path / f"{value}.png").write_bytes(flat_png(value))
        if caption:
            (tmp_path / f"{value}.txt").write_text(caption)
    source, _ = split(open_source(tmp_path), 0)
    config = selic.get_config("tiny")
    config.crop, config.data.drawn = 64, 0.0
    wanted = {1: hashed("a dog"), 2: hashed("two women"), 3: hashed("")}
    with Stream(source, build_recipe(config), 60, 0) as stream:
        batch = next(stream)
    told = {value: 0 for value in wanted}
    for image, text in zip(batch["image"], batch["text"], strict=True):
        value = int(image[0, 0, 0])
        if np.any(text):
            np.testing.assert_array_equal(text, wanted[value])
            told[value] += 1
    # Each photo is shown 20 times; three of four crops are told what they show.
    assert told[3] == 0 and all(10 <= told[value] < 20 for value in (1, 2))


def test_each_epoch_shows_every_image_once_in_an_order_of_its_own(plain: Batch) -> None:
    epochs = plain["image"][:, 0, 0, 0].reshape(6, _IMAGES)
    assert (np.sort(epochs) == np.arange(_IMAGES)).all()
    assert len({tuple(epoch) for epoch in epochs}) == 6
    assert len(set(plain["noise"].tolist())) == 6 * _IMAGES


@pytest.mark.parametrize(("hosts", "workers"), [(2, 0), (4, 0), (2, 2)])
def test_hosts_and_workers_share_one_stream(plain: Batch, hosts: int, workers: int) -> None:
    _assert_equal(_take(6 * _IMAGES, hosts, workers), plain)


@pytest.mark.parametrize("position", [4, 20, 36, 37])
def test_a_stream_goes_on_from_any_position(plain: Batch, position: int) -> None:
    rest = {name: value[position : position + 20] for name, value in plain.items()}
    _assert_equal(_take(20, position=position), rest)
    _assert_equal(_take(20, position=position, batch_size=10, hosts=2), rest)


def test_the_position_counts_the_examples_of_all_hosts() -> None:
    stream = Stream(_SOURCE, _RECIPE, 6, 0, position=12, host=1, hosts=2)
    for _ in range(3):
        next(stream)
    assert stream.position == 30


def test_a_position_far_away_costs_nothing() -> None:
    stream = Stream(_SOURCE, _RECIPE, 4, 0, position=10**12)
    assert next(stream)["image"].shape == (4, 4, 4, 3)


def test_another_seed_gives_another_stream(plain: Batch) -> None:
    other = _take(_IMAGES - 2, seed=4)
    assert not np.array_equal(other["image"], plain["image"][: _IMAGES - 2])


def test_images_in_memory_are_decoded_once() -> None:
    source = Listed([flat_png(value) for value in range(_IMAGES)])
    stream = Stream(source, _RECIPE, _IMAGES, 0, threads=1, cache_gib=1.0)
    for _ in range(5):
        next(stream)
    assert sorted(source.reads) == list(range(_IMAGES))


def test_unreadable_images_are_replaced_and_named() -> None:
    files = [flat_png(value) for value in range(_IMAGES)]
    files[2] = files[5] = b"not an image"
    with Stream(Listed(files), _RECIPE, _IMAGES, 0) as stream:
        epochs = [np.sort(next(stream)["image"][:, 0, 0, 0]).tolist() for _ in range(2)]
        assert stream.unreadable == {"2": 2, "5": 2}
    assert epochs == [[0, 1, 3, 3, 4, 6, 6, 7, 8, 9]] * 2


def test_what_cannot_be_streamed_is_refused() -> None:
    with pytest.raises(NoImages, match="no images"):
        Stream(Listed([]), _RECIPE, 4, 0)
    with pytest.raises(BadConfig, match=r"config\.batch_size=4 is no multiple of the 3 hosts"):
        Stream(_SOURCE, _RECIPE, 4, 0, hosts=3)
    with pytest.raises(NoImages, match="cannot be read"):
        next(Stream(Listed([b"text"]), _RECIPE, 4, 0))


def test_a_signal_to_the_whole_job_leaves_the_workers_to_the_trainer() -> None:
    with Stream(_SOURCE, _RECIPE, 4, 0, workers=1, prefetch=1) as stream:
        next(stream)
        (worker,) = multiprocessing.active_children()
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(worker.pid, number)
        for _ in range(20):
            next(stream)
    assert not multiprocessing.active_children()


_TRAINER = """
import multiprocessing, time
from configs import selic
from hcfss_jax.texts import hashed
from tests.train.listed import Listed, flat_png
from train.training_crop import CropRecipe
from train.stream import Stream

if __name__ == "__main__":
    stream = Stream(Listed([flat_png(0)]), CropRecipe(4, 4), 2, 0, workers=1)
    next(stream)
    print(multiprocessing.active_children()[0].pid, flush=True)
    time.sleep(60)
"""


def test_no_worker_outlives_a_trainer_that_was_killed(tmp_path: Path) -> None:
    (tmp_path / "trainer.py").write_text(_TRAINER)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, tmp_path / "trainer.py"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as trainer:
        assert trainer.stdout
        worker = int(trainer.stdout.readline())
        trainer.kill()
    deadline = time.monotonic() + 20
    while _runs(worker):
        assert time.monotonic() < deadline, "the worker lives on"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    """Whether that process is there, and is more than an entry that nobody has collected."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return bool(state.stdout.strip()) and not state.stdout.startswith("Z")
