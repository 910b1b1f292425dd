"""Every anchor codes colour and grey, and its qualities go from bad and small to good and large."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hcfss_jax
from eval.anchors import ANCHORS
from hcfss_jax.metrics import psnr
from hcfss_jax.pictures.images import read_image

PHOTO = read_image(Path(hcfss_jax.__file__).parent / "shipped" / "astronaut.webp").rgb
PICTURE = Image.fromarray(PHOTO[:64, 160:256])


@pytest.fixture(params=ANCHORS)
def anchor(request):
    if not ANCHORS[request.param].installed():
        pytest.skip(f"{request.param} is not installed")
    return ANCHORS[request.param]


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_better_quality_makes_a_larger_file_and_a_closer_picture(anchor, mode):
    picture = PICTURE.convert(mode)
    original = np.asarray(picture.convert("RGB"))
    sizes, ratios = [], []
    for quality in (anchor.qualities[0], anchor.qualities[-3], anchor.qualities[-1]):
        data = anchor.encode(picture, quality)
        decoded = anchor.decode(data).convert("RGB")
        sizes.append(len(data))
        ratios.append(psnr(original, np.asarray(decoded)))
    assert sizes == sorted(set(sizes))
    assert ratios == sorted(set(ratios)) and ratios[-1] > 30


@pytest.mark.parametrize("size", [(1, 1), (3, 7)])
def test_a_tiny_picture_passes_through(anchor, size):
    decoded = anchor.decode(anchor.encode(PICTURE.resize(size), anchor.qualities[-1]))
    assert decoded.size == size
