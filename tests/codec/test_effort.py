"""Effort: files of the same format that cost less, by bits and errors as the weights weigh them, and decode exactly."""

import functools
from collections.abc import Iterator

import jax
import numpy as np
import pytest

from hcfss_jax.codec import Codec
from hcfss_jax.errors import InvalidInput
from hcfss_jax.metrics import ms_ssim
from hcfss_jax.weights import make_package
from tests.small_model import NAME, SMALL, photo, small_model, small_package, small_params

LAMBDAS = [0.002 * 1.6**level for level in range(8)]
QUALITY = 4.0
HARD = 3  # effort: ten steps


def package(name: str = NAME, **experiment):
    record = {"lambdas": LAMBDAS, "metric": "mse", **experiment}
    return make_package(small_model(name), name, small_params(0, name), {"experiment": record})


@pytest.fixture(scope="module", autouse=True)
def _compiled_quickly() -> Iterator[None]:
    """Gradients are run for a few steps here, and compiled each time: less of XLA's optimisation is sooner done."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@functools.cache
def codec(name: str = NAME) -> Codec:
    return Codec(package(name))


def cost(data: bytes, decoded, picture: np.ndarray, error=None) -> float:
    """Bits a pixel of the whole file, and lambda times the error of what it decodes to."""
    pixels = picture.shape[0] * picture.shape[1]
    decoded = np.asarray(decoded)
    if error is None:
        error = LAMBDAS[int(QUALITY) - 1] * np.mean((decoded.astype(float) - picture) ** 2)
    return 8 * len(data) / pixels + error


def test_no_effort_is_the_file_that_there_always_was():
    picture = photo(70, 90)
    plain = codec().compress(picture, QUALITY)
    assert codec().compress(picture, QUALITY, effort=0) == plain
    assert codec().encode(picture, QUALITY, effort=0).data == plain


@pytest.mark.parametrize("name", [NAME, *(n for n in SMALL if n.startswith("fhic"))])
def test_effort_lowers_bits_and_errors_of_whole_files_which_decode_exactly(name):
    picture = photo(70, 90)
    plain = codec(name).encode(picture, QUALITY)
    hard = codec(name).encode(picture, QUALITY, effort=HARD)
    decoded = np.asarray(codec(name).decompress(hard.data))
    np.testing.assert_array_equal(decoded, hard.x_hat)
    assert cost(hard.data, decoded, picture) < cost(plain.data, plain.x_hat, picture)
    assert 8 * len(hard.data) == pytest.approx(hard.estimated_bits, rel=0.1, abs=900)


def test_the_same_effort_makes_the_same_file():
    picture = photo(70, 90)
    made = codec().compress(picture, QUALITY, effort=HARD)
    assert made == Codec(package()).compress(picture, QUALITY, effort=HARD)
    assert made != codec().compress(picture, QUALITY)


def test_effort_for_ms_ssim_lowers_what_it_is_tuned_for():
    picture = photo(170, 170)
    weights = Codec(package(lambdas=[30.0] * 8, metric="ms-ssim"))

    def both(data: bytes) -> float:
        decoded = np.asarray(weights.decompress(data))
        return cost(data, decoded, picture, 30 * (1 - float(ms_ssim(picture, decoded))))

    plain = weights.compress(picture, QUALITY)
    tuned = weights.compress(picture, QUALITY, effort=HARD)
    assert tuned == weights.compress(picture, QUALITY, effort=HARD, tune="ms-ssim")
    assert both(tuned) < both(plain)


def test_tiles_are_improved_one_by_one_and_tell_how_far_they_are():
    picture, tiled = photo(100, 200), Codec(package(), tile=128)
    seen: list[tuple[int, int, float]] = []
    data = tiled.compress(picture, QUALITY, effort=1, watch=lambda *told: seen.append(told))
    steps = seen[0][1]
    assert [done for done, _, _ in seen] == 2 * [*range(1, steps + 1)]
    gains = [gain for _, _, gain in seen]
    assert gains[:steps] == sorted(gains[:steps]) and gains[0] >= 0 and gains[-1] > 0
    plain = tiled.compress(picture, QUALITY)
    decoded = tiled.decompress(data)
    assert cost(data, decoded, picture) < cost(plain, tiled.decompress(plain), picture)


def test_what_is_of_interest_is_what_effort_is_for():
    name = next(n for n in SMALL if n.startswith("roi"))
    weights = Codec(package(name, region_ratio=50.0))
    picture = photo(70, 90)
    mask = np.zeros((70, 90))
    mask[:35] = 1

    def errors(**how) -> tuple[float, float]:
        """Of what is of interest, and of the rest."""
        encoded = weights.encode(picture, QUALITY, roi=mask, **how)
        square = (encoded.x_hat.astype(float) - picture) ** 2
        return np.mean(square[:35]), np.mean(square[35:])

    (within, beyond), (within_now, beyond_now) = errors(), errors(effort=HARD)
    assert within_now / within < beyond_now / beyond


@pytest.mark.parametrize("level", [-1, 10, 2.5, True, None, "much"])
def test_an_effort_that_does_not_exist_is_named(level):
    with pytest.raises(InvalidInput, match="effort .*0.* 9"):
        codec().compress(photo(70, 90), QUALITY, effort=level)


def test_what_cannot_be_tuned_is_named_before_any_work():
    picture = photo(70, 90)
    with pytest.raises(InvalidInput, match="vmaf"):
        codec().compress(picture, QUALITY, effort=1, tune="vmaf")
    with pytest.raises(InvalidInput, match="effort=1 to 9"):
        codec().compress(picture, QUALITY, tune="psnr")
    with pytest.raises(InvalidInput, match="161"):
        codec().compress(picture, QUALITY, effort=1, tune="ms-ssim")
    with pytest.raises(InvalidInput, match="lambda"):
        Codec(small_package()).compress(picture, QUALITY, effort=1)
    with pytest.raises(InvalidInput, match="lambda"):
        Codec(small_package()).check_effort(1)
