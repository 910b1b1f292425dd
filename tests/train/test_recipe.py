"""How an example is cut from a photo."""

import numpy as np

from train.recipe import CropRecipe, centre_crop, pad_to

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
