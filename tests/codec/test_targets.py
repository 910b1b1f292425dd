"""Targets: the best quality within a size, the least that reaches a measure, in few tries."""

import functools
import math
import sys
import types

import numpy as np
import pytest
from PIL import Image

from hcfss_jax import coding, metrics
from hcfss_jax.codec import Codec
from hcfss_jax.codec.compiled_model import PicturePasses
from hcfss_jax.codec.search import last_within
from hcfss_jax.errors import HcfError, InvalidQuality
from tests.small_model import photo, small_package

STEP = 1 / coding.QUALITY_STEPS


@functools.cache
def codec(tile: int = 2048) -> Codec:
    return Codec(small_package(), tile=tile)


PICTURE = photo(60, 70)


def psnr_at(quality: float) -> float:
    return float(metrics.psnr(codec().encode(PICTURE, quality).x_hat, PICTURE))


CURVES = [
    lambda n: n,
    lambda n: n + 3 * math.sin(n),
    lambda n: 0.3 * n + 0.002 * n**2,
    lambda n: 100 * math.log1p(n),
    lambda n: float(n >= 300),
    lambda n: n // 50,
    lambda n: 0.0,
]


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("target", [-1, 0, 0.5, 7, 120.3, 1e9])
@pytest.mark.parametrize("slope", [1, 0.01, 40])
def test_the_last_number_within_a_value_is_found_between_what_was_looked_at(curve, target, slope):
    tried = {}
    found = last_within(lambda n: tried.setdefault(n, curve(n)), target, 448, slope)
    assert found == -1 or tried[found] <= target
    assert found == 448 or tried[found + 1] > target
    assert len(tried) <= 14  # halving takes 9


def tries(curve, target: float, slope: float) -> int:
    tried: list[int] = []
    last_within(lambda n: tried.append(n) or curve(n), target, 448, slope)
    return len(tried)


def test_on_a_smooth_curve_five_or_six_tries_are_enough():
    """Of the shape that the logarithm of a file's size has over the quality."""
    counts = [
        tries(lambda n: 9 + 0.4 * math.sqrt(n / 10) + 0.003 * n, target, 0.003)
        for target in np.linspace(9.1, 12.9, 60)
    ]
    assert np.mean(counts) <= 5.5 and max(counts) <= 6


def test_a_size_is_kept_to_and_the_next_quality_would_not():
    bound = len(codec().compress(PICTURE, 5.0)) + 1
    data, quality = codec().target(PICTURE, size=bound)
    assert len(data) <= bound and quality >= 5
    assert data == codec().compress(PICTURE, quality)
    assert len(codec().compress(PICTURE, quality + STEP)) > bound
    assert codec().target(PICTURE, bpp=8 * bound / (60 * 70)) == (data, quality)
    assert codec().target_bpp(PICTURE, 8 * bound / (60 * 70)) == (data, quality)


def test_the_least_quality_of_a_psnr_is_that_of_the_decoded_picture():
    wanted = psnr_at(4.0)
    data, quality = codec().target(PICTURE, psnr=wanted)
    decoded = np.asarray(codec().decompress(data))
    assert metrics.psnr(decoded, PICTURE) >= wanted
    assert quality == 1 or psnr_at(quality - STEP) < wanted


def test_of_a_grey_picture_with_alpha_in_tiles_what_is_shown_counts():
    grey = np.dstack([photo(150, 160)[..., :1].repeat(3, -1), photo(150, 160, seed=2)[..., :1]])
    image = Image.fromarray(grey).convert("LA")
    colours = np.asarray(image.convert("RGB"))
    tiled = codec(128)
    wanted = float(metrics.psnr(tiled.encode(image, 3.0).x_hat, colours))
    data, quality = tiled.target(image, psnr=wanted)
    found = metrics.psnr(np.asarray(tiled.decompress(data).convert("RGB")), colours)
    assert found >= wanted and coding.unpack(data)[0].quality == quality


def test_an_ms_ssim_is_reached():
    picture = photo(161, 161)
    wanted = float(metrics.ms_ssim(codec().encode(picture, 5.0).x_hat, picture))
    data, quality = codec().target(picture, ms_ssim=wanted)
    assert metrics.ms_ssim(np.asarray(codec().decompress(data)), picture) >= wanted
    assert coding.unpack(data)[0].quality == quality


def test_the_transform_is_run_once_for_all_tries(monkeypatch):
    calls = []
    for name in ("analyse", "unscaled", "scaled"):
        method = getattr(PicturePasses, name)

        def counted(self, *args, name=name, method=method):
            calls.append(name)
            return method(self, *args)

        monkeypatch.setattr(PicturePasses, name, counted)
    codec().target(PICTURE, bpp=8 * len(codec().compress(PICTURE, 5.0)) / (60 * 70))
    assert calls.count("unscaled") == 1
    assert calls.count("analyse") == 2  # of the test's own file, and of the one that is given back
    assert 2 <= calls.count("scaled") <= 14


@pytest.mark.parametrize(
    "asked, told",
    [
        ({"size": 40}, "40 bytes is out of reach: quality 1 takes"),
        ({"bpp": 0.001}, "0.001 bpp is out of reach"),
        (
            {"psnr": 150},
            "150.00 dB PSNR is out of reach: quality 8, the best of hcfssnet-small, gives",
        ),
        ({"psnr": 0}, "more than 0 dB"),
        ({"psnr": math.inf}, "finite"),
        ({"size": -3}, "more than 0 bytes"),
        ({"size": "200kB"}, "a size of 200kB"),
        ({"ms_ssim": 1}, "between 0 and 1"),
        ({"ssimulacra2": 100}, "below 100"),
        ({"ms_ssim": 0.9}, "at least 161 pixels a side, and this has 70x60"),
        ({"psnr": 30, "size": 900}, "size and psnr: give one of"),
        ({}, "no target: give one of bpp, size, psnr, ms_ssim, ssimulacra2"),
    ],
)
def test_what_is_out_of_reach_or_no_target_is_told(asked, told):
    with pytest.raises(InvalidQuality, match=told):
        codec().target(PICTURE, **asked)


def test_a_ssimulacra2_is_reached_by_the_package_of_that_name(monkeypatch):
    """With a stand-in for it, of files as the package takes them: the original first."""

    def compute(original, distorted) -> float:
        a, b = (np.asarray(Image.open(file)) for file in (distorted, original))
        np.testing.assert_array_equal(b, PICTURE)
        return float(metrics.psnr(a, b))

    package = types.SimpleNamespace(compute_ssimulacra2=compute)
    monkeypatch.setitem(sys.modules, "ssimulacra2", package)
    wanted = psnr_at(4.0)
    assert codec().target(PICTURE, ssimulacra2=wanted) == codec().target(PICTURE, psnr=wanted)
    monkeypatch.setitem(sys.modules, "ssimulacra2", None)
    with pytest.raises(HcfError, match=r"pip install 'hcfss-jax\[ssimulacra2\]'"):
        codec().target(PICTURE, ssimulacra2=wanted)


def test_checks_of_steps_count_in_a_size():
    bound = len(codec().compress(PICTURE, 3.0, step_checks=True))
    data, _ = codec().target(PICTURE, size=bound, step_checks=True)
    assert len(data) <= bound and coding.Extra.STEP_CHECKS in coding.unpack(data)[2]
