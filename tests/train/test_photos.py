"""Decoded images: kept while they fit, a bad one replaced by the next."""

import io
import pickle

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from tests.train.listed import Listed, flat_png
from train.errors import NoImages
from train.photos import Photos

_BYTES = 8 * 8 * 3  # of a decoded image


def test_what_fits_is_decoded_once_and_the_rest_each_time() -> None:
    source = Listed([flat_png(value) for value in range(3)])
    photos = Photos(source, cache_bytes=2 * _BYTES)
    for _ in range(4):
        assert [int(photos[index][0][0, 0, 0]) for index in range(3)] == [0, 1, 2]
    assert source.reads == [0, 1, 2, 2, 2, 2]


def test_an_unreadable_image_gives_way_to_the_next_that_can_be_read() -> None:
    whole = flat_png(7)
    photos = Photos(Listed([whole, b"text", whole[: len(whole) // 2], flat_png(9), b""]))
    shown = [
        (int(photo[0, 0, 0]), replaced) for photo, replaced in map(photos.__getitem__, range(5))
    ]
    assert shown == [(7, -1), (9, 1), (9, 2), (9, -1), (7, 4)]


def test_a_photo_whose_metadata_are_broken_is_read() -> None:
    buffer, text = io.BytesIO(), PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", "\nexif\n      10\nzz not hex\n")
    Image.new("RGB", (8, 8), (7, 7, 7)).save(buffer, "PNG", pnginfo=text)
    assert Photos(Listed([buffer.getvalue(), flat_png(1)]))[0][1] == -1


def test_an_image_known_to_be_bad_is_not_tried_again() -> None:
    source = Listed([b"text", flat_png(1)])
    photos = Photos(source, cache_bytes=_BYTES)
    assert photos[0][1] == photos[0][1] == 0
    assert source.reads == [0, 1]


def test_nothing_but_bad_images_is_an_error_that_names_some() -> None:
    with pytest.raises(
        NoImages, match="100 images in a row cannot be read, from 5: UnsupportedImage"
    ):
        Photos(Listed([b""] * 120))[5]
    with pytest.raises(NoImages, match="2 images in a row"):
        Photos(Listed([b""] * 2))[0]


def test_the_pixels_stay_behind_when_photos_travel() -> None:
    photos = Photos(Listed([flat_png(3)]), cache_bytes=_BYTES)
    before = len(pickle.dumps(photos))
    photos[0]
    arrived = pickle.loads(pickle.dumps(photos))
    assert len(pickle.dumps(photos)) < before + _BYTES
    np.testing.assert_array_equal(arrived[0][0], photos[0][0])


def test_every_mode_is_read_as_upright_rgb() -> None:
    grey = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: width and height change places
    photo, _ = Photos(Listed([_png(grey, exif)]))[0]
    assert photo.shape == (4, 3, 3)
    np.testing.assert_array_equal(photo[..., 0], np.rot90(np.asarray(grey), -1))


def _png(image: Image.Image, exif: Image.Exif) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif)
    return file.getvalue()
