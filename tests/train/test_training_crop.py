"""How an example is cut from a photo."""

import hashlib

import numpy as np

from train.training_crop import CropRecipe, centre_crop, pad_to

_RAMP = np.arange(96 * 80 * 3, dtype=np.uint32).reshape(96, 80, 3).astype(np.uint8)


def test_an_example_has_the_promised_shapes() -> None:
    example = CropRecipe(size=64, levels=8)(_RAMP, np.random.default_rng(0))
    facts = {name: (value.shape, value.dtype) for name, value in example.items()}
    assert facts == {
        "image": ((64, 64, 3), np.uint8),
        "level": ((), np.float32),
        "noise": ((), np.uint32),
    }


def test_the_random_numbers_alone_decide_on_the_example() -> None:
    recipe = CropRecipe(size=16, levels=8, half_size_probability=0.5)
    one, same, other = (recipe(_RAMP, np.random.default_rng(seed)) for seed in (1, 1, 2))
    for name in one:
        np.testing.assert_array_equal(one[name], same[name])
    assert one["noise"] != other["noise"] and not np.array_equal(one["image"], other["image"])


def test_every_level_is_drawn() -> None:
    rng, recipe = np.random.default_rng(0), CropRecipe(size=8, levels=4)
    assert {float(recipe(_RAMP, rng)["level"]) for _ in range(60)} == {0.0, 1.0, 2.0, 3.0}


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


def test_without_drawn_crops_the_examples_are_those_of_before_there_were_any() -> None:
    """Recorded then: a run goes on with the examples that it began with."""
    photo = np.random.default_rng(0).integers(0, 256, (200, 160, 3), dtype=np.uint8)
    recipe, rng, digest = CropRecipe(64, 8, 0.25), np.random.default_rng(7), hashlib.sha256()
    for _ in range(20):
        for name, value in recipe(photo, rng).items():
            digest.update(name.encode() + value.tobytes())
    assert digest.hexdigest().startswith("a046b086757eada766f8b796d4ba899c")


def test_the_share_of_drawn_crops_is_the_one_asked_for() -> None:
    photo, rng = np.full((64, 64, 3), 77, np.uint8), np.random.default_rng(0)
    for share in (0.0, 0.25, 1.0):
        recipe = CropRecipe(64, 8, 0.25, drawn=share)
        drawn = sum(np.any(recipe(photo, rng)["image"] != 77) for _ in range(400))
        # Some pictures show nothing but the photo; else within four standard deviations.
        assert (
            400 * share * 0.9 - 35 * (share == 0.25) <= drawn <= 400 * share + 35 * (share == 0.25)
        )


def test_a_drawn_example_is_a_whole_one() -> None:
    one, same = (CropRecipe(64, 8, drawn=1.0)(_RAMP, np.random.default_rng(5)) for _ in range(2))
    assert one["image"].shape == (64, 64, 3) and one["image"].dtype == np.uint8
    for name in one:
        np.testing.assert_array_equal(one[name], same[name])
