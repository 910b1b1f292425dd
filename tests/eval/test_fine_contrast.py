"""The pictures of fine contrast, and what is measured of them."""

import numpy as np
import pytest

from eval.fine_contrast import SIDE, main, measure, pictures
from hcfss_jax.codec import Codec
from tests.small_model import small_package


def test_each_picture_is_full_of_hard_steps_between_neighbours() -> None:
    for name, picture in pictures().items():
        assert picture.shape == (SIDE, SIDE, 3) and picture.dtype == np.uint8
        steps = np.abs(np.diff(picture.astype(int), axis=1)).max(-1)
        assert np.mean(steps > 60) > 0.1, name


def test_the_checkers_are_what_their_names_say() -> None:
    shown = {name: picture[..., 0] for name, picture in pictures().items()}
    one, two = shown["checker of one pixel"], shown["checker of two pixels"]
    assert one[0, :4].tolist() == [0, 255, 0, 255] and one[1, :2].tolist() == [255, 0]
    assert two[1, :6].tolist() == [0, 0, 255, 255, 0, 0] and two[2, 0] == 255


def test_the_text_has_colours_on_colours_and_its_last_ground_is_dark() -> None:
    page = pictures()["small coloured text"].astype(int)
    assert np.mean(np.ptp(page, axis=-1) > 40) > 0.1
    assert np.median(page[-16:]) < 60 < 200 < np.median(page[:16])


def test_rate_and_quality_are_those_of_the_file() -> None:
    codec, picture = Codec(small_package()), pictures()["dithered photo"][:64, :64]
    encoded = codec.encode(picture, 8)
    bpp, quality = measure(codec, picture, 8)
    error = np.mean((encoded.x_hat.astype(float) - picture) ** 2)
    assert bpp == 8 * len(encoded.data) / 64**2
    assert quality == pytest.approx(10 * np.log10(255**2 / error))


def test_weights_that_do_not_exist_end_with_a_line(capsys: pytest.CaptureFixture) -> None:
    assert main(["--weights", "nowhere.safetensors"]) == 1
    assert "eval.fine_contrast: " in capsys.readouterr().err
