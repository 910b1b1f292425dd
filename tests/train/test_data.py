"""The stream of training batches."""

import json
from pathlib import Path

import numpy as np
import pytest

from train.data import Batches, CropRecipe, centre_crop, pad_to
from train.images import Photos, load_photos

_RECIPE = CropRecipe(size=64, levels=8, half_size_probability=0.25)


@pytest.fixture(scope="module")
def photos(photo_dir: Path) -> Photos:
    return load_photos(photo_dir, 1.0)


def test_batches_have_the_promised_shapes_and_levels(photos: Photos) -> None:
    batches = Batches(photos, _RECIPE, batch_size=4, seed=0)
    levels = set()
    for _ in range(20):
        batch = next(batches)
        assert batch["image"].shape == (4, 64, 64, 3) and batch["image"].dtype == np.uint8
        assert batch["level"].shape == (4,) and batch["level"].dtype == np.float32
        levels |= set(batch["level"].tolist())
    assert levels == set(range(8))


def test_a_restored_stream_goes_on_where_it_was(photos: Photos) -> None:
    batches = Batches(photos, _RECIPE, batch_size=3, seed=1)
    for _ in range(5):
        next(batches)
    saved = json.dumps(batches.state())
    wanted = [next(batches) for _ in range(4)]
    again = Batches(photos, _RECIPE, batch_size=3, seed=1)
    again.restore(json.loads(saved))
    for batch in wanted:
        np.testing.assert_array_equal(next(again)["image"], batch["image"])


def test_another_seed_gives_another_stream(photos: Photos) -> None:
    first, second = (next(Batches(photos, _RECIPE, 4, seed)) for seed in (0, 1))
    assert not np.array_equal(first["image"], second["image"])


def test_an_epoch_shows_every_photo_once_and_each_epoch_cuts_anew() -> None:
    flat = Photos(tuple("abcdef"), tuple(np.full((64, 64, 3), 40 * i, np.uint8) for i in range(6)))
    batches = Batches(flat, CropRecipe(64, 8), batch_size=6, seed=0)
    for _ in range(3):
        assert sorted(next(batches)["image"][:, 0, 0, 0]) == [0, 40, 80, 120, 160, 200]
    ramp = Photos(("a",), (np.arange(256 * 64 * 3, dtype=np.uint32).reshape(256, 64, 3),))
    cuts = {
        int(next(Batches(ramp, CropRecipe(64, 8), 1, seed))["image"].min()) for seed in range(4)
    }
    assert len(cuts) > 1


def test_halving_averages_two_by_two() -> None:
    photo = np.zeros((128, 128, 3), np.uint8)
    photo[0::2], photo[1::2] = 10, 21
    example = CropRecipe(64, 8, half_size_probability=1.0)(photo, np.random.default_rng(0))
    np.testing.assert_array_equal(example["image"], 16)  # 15.5, rounded up


def test_a_photo_smaller_than_the_crop_is_mirrored() -> None:
    photo = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    padded = pad_to(photo, 16)
    assert padded.shape == (16, 16, 3)
    np.testing.assert_array_equal(padded[:5, :7], photo)
    np.testing.assert_array_equal(padded[5:10, :7], photo[::-1])
    assert pad_to(photo, 5) is photo


def test_the_centre_crop_is_the_middle() -> None:
    photo = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    np.testing.assert_array_equal(centre_crop(photo, 4), photo[1:5, 2:6])
