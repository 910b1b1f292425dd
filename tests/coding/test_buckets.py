"""The sizes that pictures are padded to."""

import numpy as np

from hcfss_jax.coding.buckets import bucket


def test_pictures_up_to_2048_pixels_share_eight_sizes_that_hold_them() -> None:
    rng = np.random.default_rng(0)
    found = set()
    for height, width in rng.integers(1, 2049, (2000, 2)).tolist():
        rows, columns = bucket(height, width, 64)
        assert rows >= height and columns >= width
        found.add((rows, columns))
    assert len(found) == 8


def test_every_size_is_a_multiple_of_what_the_model_takes() -> None:
    for height, width in [(1, 1), (512, 768), (100, 2049), (3000, 2000)]:
        rows, columns = bucket(height, width, 64)
        assert rows % 64 == columns % 64 == 0
    assert bucket(512, 768, 64) == (512, 768)
    assert bucket(3000, 2000, 64) == (3008, 2048)  # too large to be worth padding
    assert bucket(100, 100, 384) == (
        384,
        384,
    )  # of none of the eight sizes' sides is that a divisor
