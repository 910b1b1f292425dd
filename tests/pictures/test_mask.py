"""What is taken for a mask, and what is not."""

import io

import numpy as np
import pytest
from PIL import Image

from hcfss_jax.errors import InvalidInput, UnsupportedImage
from hcfss_jax.pictures.mask import read_mask

MASK = np.array([[0, 255, 51], [255, 0, 0]], np.uint8)
WANTED = MASK / np.float32(255)


def png(image: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "source",
    [
        MASK,
        MASK[..., None],
        WANTED,
        WANTED.astype(np.float64),
        Image.fromarray(MASK),
        png(Image.fromarray(MASK)),
        png(Image.fromarray(MASK).convert("RGB")),
    ],
    ids=["uint8", "one channel", "float32", "float64", "PIL", "grey file", "colour file"],
)
def test_pictures_and_arrays_say_how_much_a_pixel_is_of_interest(source):
    mask = read_mask(source)
    assert mask.dtype == np.float32
    np.testing.assert_allclose(mask, WANTED, atol=1e-6)


def test_of_two_values_the_larger_is_what_is_of_interest():
    for kind in (bool, np.uint8):
        np.testing.assert_array_equal(read_mask((MASK > 60).astype(kind)), MASK > 60)
    np.testing.assert_array_equal(read_mask(png(Image.fromarray(MASK > 60))), MASK > 60)


def test_what_is_transparent_is_of_no_interest():
    image = Image.new("L", (3, 2), 255)
    image.putalpha(Image.fromarray(MASK))
    np.testing.assert_allclose(read_mask(png(image)), WANTED, atol=1e-6)


def test_a_mask_is_turned_upright_as_its_photo_is():
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    turned = read_mask(png(Image.fromarray(MASK), exif=exif))
    np.testing.assert_allclose(turned, np.rot90(WANTED, -1), atol=1e-6)


def test_a_file_that_is_none_is_said_to_be_the_mask():
    with pytest.raises(UnsupportedImage, match="the mask: not an image"):
        read_mask(b"no picture")
    deep = png(Image.fromarray(np.zeros((2, 3), np.uint16)))
    with pytest.raises(UnsupportedImage, match="the mask: more than 8 bits"):
        read_mask(deep)


@pytest.mark.parametrize(
    "source, says",
    [
        (np.zeros((2, 3, 3)), r"an array \[H, W\], not \[2, 3, 3\]"),
        (np.zeros((2, 3), int), "bool, uint8 or floats, not int64"),
        (np.full((2, 3), 1.5), "reaches from 1.5 to 1.5"),
        (np.full((2, 3), np.nan), "reaches from nan"),
    ],
)
def test_what_is_none_is_refused(source, says):
    with pytest.raises(InvalidInput, match=says):
        read_mask(source)
