"""Crops larger than the images, known before the first step."""

import pytest

from tests.train.listed import Listed, flat_png
from train.crop_check import check_crop, smaller_than
from train.errors import BadConfig


def test_images_with_one_short_side_are_counted() -> None:
    source = Listed([flat_png(0, 8, 16), flat_png(0, 16, 8), flat_png(0, 16, 16), b"text"])
    assert smaller_than(source, 16) == (2, 3)


def test_a_large_set_is_sampled_evenly() -> None:
    source = Listed([flat_png(0, 8, 8)] * 50 + [flat_png(0, 16, 16)] * 50)
    assert smaller_than(source, 16, sample=10) == (5, 10)
    assert len(source.reads) == 10


def test_a_crop_that_no_image_can_fill_is_refused() -> None:
    small, large = flat_png(0, 8, 8), flat_png(0, 16, 16)
    assert check_crop(Listed([large] * 4), 16) is None
    assert check_crop(Listed([large, small] * 2), 16) == (
        "2 of 4 images looked at are smaller than a crop, and mirrored"
    )
    with pytest.raises(BadConfig, match=r"config\.crop=16 is larger than every one of 4 images"):
        check_crop(Listed([small] * 4), 16)
