"""Pictures that no camera takes."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.small_model import photo
from train.drawn import KINDS, draw
from train.drawn.lettering import Hand, write
from train.held_out import draw_held_out

_DIGEST = """
import hashlib
import numpy as np
from train.drawn import draw
rng = np.random.default_rng(1)
print(hashlib.sha256(b"".join(draw(64, rng).tobytes() for _ in range(40))).hexdigest())
"""


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_the_promised_shape_and_is_not_always_the_same(kind: str) -> None:
    for size in (64, 256):
        rng, seen = np.random.default_rng(size), set()
        for number in range(12):
            at_hand = photo(size, size) if number % 2 else None
            picture = draw(size, rng, at_hand, kind)
            assert picture.shape == (size, size, 3) and picture.dtype == np.uint8
            seen.add(picture.tobytes())
        assert len(seen) > 6


def test_another_process_draws_the_same() -> None:
    rng = np.random.default_rng(1)
    here = hashlib.sha256(b"".join(draw(64, rng).tobytes() for _ in range(40))).hexdigest()
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONHASHSEED": "7"}
    there = subprocess.run(
        [sys.executable, "-c", _DIGEST], env=environment, capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == here


def test_what_was_drawn_before_does_not_matter() -> None:
    """Letters are kept between calls; they must not tell."""
    first = draw(64, np.random.default_rng(3), kind="page")
    for seed in range(20):
        draw(64, np.random.default_rng(seed), kind="page")[...] = 0
    np.testing.assert_array_equal(draw(64, np.random.default_rng(3), kind="page"), first)


def test_fine_patterns_hold_whole_checkers_of_one_and_of_two_pixels() -> None:
    rng, found = np.random.default_rng(0), set()
    i, j = np.mgrid[:64, :64]
    for _ in range(120):
        picture = draw(64, rng, kind="fine")
        for cell in (1, 2):
            odd = ((i // cell + j // cell) % 2).astype(bool)
            same = [np.ptp(picture[part], axis=0).max() == 0 for part in (odd, ~odd)]
            if all(same) and np.any(picture[odd][0] != picture[~odd][0]):
                found.add(cell)
    assert found == {1, 2}


def test_dither_has_few_colours_and_the_photo_s_mean() -> None:
    at_hand = photo(64, 64)
    before, rng = at_hand.copy(), np.random.default_rng(0)
    for _ in range(20):
        picture = draw(64, rng, at_hand, "dithered")
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) <= 256
        assert abs(picture.mean() - at_hand.mean()) < 20  # a posterised one is off by its steps
    np.testing.assert_array_equal(at_hand, before)


@pytest.mark.parametrize("edges", ["hard", "grey", "lcd"])
@pytest.mark.parametrize("script", ["latin", "strokes", "terminal"])
def test_letters_are_ink_on_ground(edges: str, script: str) -> None:
    canvas = Image.new("RGB", (64, 24), (255, 255, 255))
    write(canvas, (-3, 1), "Añ9 x", (0, 0, 0), Hand(14, edges, script))
    pixels = np.asarray(canvas).astype(int)
    assert pixels.min() < 100 and np.median(pixels) == 255
    hard = edges == "hard" or script == "terminal"
    assert (len(np.unique(pixels)) == 2) == hard
    assert (np.ptp(pixels, axis=-1).max() > 0) == (edges == "lcd" and script != "terminal")


def test_an_accent_makes_another_letter() -> None:
    shown = []
    for letter in "aáàäÉE":
        canvas = Image.new("RGB", (24, 32))
        write(canvas, (2, 2), letter, (255, 255, 255), Hand(20))
        shown.append(canvas.tobytes())
    assert len(set(shown)) == 6


def test_the_held_out_set_is_one_of_each_kind_and_the_same_in_every_run() -> None:
    photos = np.stack([photo(64, 64, seed) for seed in range(3)])
    drawn = draw_held_out(photos)
    assert drawn.shape == (len(KINDS), 64, 64, 3) and drawn.dtype == np.uint8
    assert len({image.tobytes() for image in drawn}) == len(KINDS)
    np.testing.assert_array_equal(drawn, draw_held_out(photos))
