"""The metrics agree with their definitions and with scikit-image."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hcfss_jax
from hcfss_jax.metrics import (
    MS_SSIM_SMALLEST_SIDE,
    ms_ssim,
    ms_ssim_of_floats,
    ms_ssim_within,
    psnr,
    squared_error_within,
    ssim,
    whole_sums,
)
from hcfss_jax.pictures.images import read_image

SHIPPED = Path(hcfss_jax.__file__).parent / "shipped"


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return read_image(SHIPPED / "astronaut.webp").rgb[:176, 160:337]


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(176, 177, 3))


def disturbed(photo: np.ndarray, noise: np.ndarray, strength: float) -> np.ndarray:
    return np.clip(photo + strength * noise, 0, 255).astype(np.uint8)


def test_psnr_is_ten_log_ten_of_peak_squared_over_the_mean_squared_error():
    black = np.zeros((4, 6, 3), np.uint8)
    grey = np.full((4, 6, 3), 5, np.uint8)
    assert psnr(black, grey) == pytest.approx(10 * np.log10(255**2 / 25))


def test_psnr_of_equal_images_is_infinite(photo):
    assert np.isposinf(psnr(photo, photo))


def test_psnr_gives_one_value_for_each_image_of_a_batch():
    a = np.zeros((2, 4, 4, 3), np.uint8)
    b = a.copy()
    b[1] = 255
    assert psnr(a, b).tolist() == [np.inf, 0.0]


def test_ssim_equals_that_of_scikit_image(photo, noise):
    metrics = pytest.importorskip("skimage.metrics")
    noisy = disturbed(photo, noise, 20)
    expected = metrics.structural_similarity(
        photo,
        noisy,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=-1,
    )
    # Ours sums in float32, whose rounding is about 1e-7 of values up to 255**2 over C2 = 58.
    assert ssim(photo, noisy) == pytest.approx(expected, abs=2e-5)


def test_equal_images_have_an_ms_ssim_of_one(photo):
    assert ms_ssim(photo, photo) == pytest.approx(1.0, abs=1e-5)


def test_ms_ssim_is_symmetric_and_falls_with_noise(photo, noise):
    scores = [ms_ssim(photo, disturbed(photo, noise, s)) for s in (5, 20, 60)]
    assert 1 > scores[0] > scores[1] > scores[2] > 0
    assert ms_ssim(disturbed(photo, noise, 20), photo) == pytest.approx(scores[1], abs=1e-6)


def test_ms_ssim_equals_its_definition_computed_scale_by_scale(photo, noise):
    """The contrast terms of a plain float64 pyramid, weighted as in the paper."""
    ndimage = pytest.importorskip("scipy.ndimage")

    def blur(x: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(x, (1.5, 1.5, 0), truncate=3.5)[5:-5, 5:-5]

    x, y = photo[:, :176].astype(float), disturbed(photo, noise, 30)[:, :176].astype(float)
    score = np.ones(3)
    for weight in (0.0448, 0.2856, 0.3001, 0.2363, 0.1333):
        covariance = blur(x * y) - blur(x) * blur(y)
        variances = blur(x * x) - blur(x) ** 2 + blur(y * y) - blur(y) ** 2
        c1, c2 = 2.55**2, 7.65**2
        terms = (2 * covariance + c2) / (variances + c2)
        if weight == 0.1333:
            terms *= (2 * blur(x) * blur(y) + c1) / (blur(x) ** 2 + blur(y) ** 2 + c1)
        score *= terms.mean(axis=(0, 1)) ** weight
        height, width = (side // 2 for side in x.shape[:2])
        x, y = (
            v[: 2 * height, : 2 * width].reshape(height, 2, width, 2, 3).mean(axis=(1, 3))
            for v in (x, y)
        )
    expected = score.mean()
    assert ms_ssim(photo[:, :176], disturbed(photo, noise, 30)[:, :176]) == pytest.approx(
        expected, abs=2e-5
    )


# tf.image.ssim_multiscale of TensorFlow 2.17 for `noisy_pair`: (height, width, strength of the noise).
TENSORFLOW = {
    (161, 161, 4): 0.9804617,
    (177, 250, 4): 0.9862084,
    (177, 250, 40): 0.6887674,
    (301, 199, 40): 0.7088377,
    (205, 512, 4): 0.9857211,
}


def noisy_pair(height: int, width: int, strength: float) -> tuple[np.ndarray, np.ndarray]:
    x = read_image(SHIPPED / "astronaut.webp").rgb[:height, :width]
    noisy = np.round(x + strength * np.random.default_rng(0).normal(size=x.shape))
    return x, np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("case", "theirs"), TENSORFLOW.items(), ids=str)
def test_ms_ssim_and_psnr_equal_those_of_tensorflow(case, theirs):
    x, y = noisy_pair(*case)
    assert ms_ssim(x, y) == pytest.approx(theirs, abs=1e-5)
    if importlib.util.find_spec("tensorflow"):
        import tensorflow as tf

        assert float(tf.image.ssim_multiscale(x, y, 255)) == pytest.approx(theirs, abs=1e-5)
        assert psnr(x, y) == pytest.approx(float(tf.image.psnr(x, y, 255)), abs=1e-4)


def test_ms_ssim_is_compiled_for_a_few_sizes_only():
    before = ms_ssim_within._cache_size()
    for height, width in ((170, 181), (199, 256), (243, 161)):
        ms_ssim(*noisy_pair(height, width, 4))
    assert ms_ssim_within._cache_size() <= before + 1


def test_what_lies_beyond_a_picture_does_not_count():
    pictures = [noisy_pair(177, 250, 4), noisy_pair(200, 161, 40)]
    x, y = np.random.default_rng(1).integers(0, 255, (2, 2, 208, 256, 3), dtype=np.uint8)
    for i, (a, b) in enumerate(pictures):
        x[i, : a.shape[0], : a.shape[1]], y[i, : b.shape[0], : b.shape[1]] = a, b
    found = ms_ssim_within(x, y, np.array([a.shape[:2] for a, _ in pictures]))
    np.testing.assert_allclose(found, [ms_ssim(*pair) for pair in pictures], atol=1e-6)


def test_ms_ssim_takes_the_smallest_side_that_holds_five_scales():
    side = MS_SSIM_SMALLEST_SIDE
    flat = np.full((side, side, 3), 9, np.uint8)
    assert ms_ssim(flat, flat) == pytest.approx(1.0)
    with pytest.raises(ValueError, match=f"{side - 1}x{side}.*at least {side}"):
        ms_ssim(flat[:, :-1], flat[:, :-1])


def test_ms_ssim_of_floats_is_that_of_their_8_bit_pixels(photo, noise):
    pair = np.stack([photo, photo]), np.stack([disturbed(photo, noise, s) for s in (5, 60)])
    scores = jax.jit(ms_ssim_of_floats)(*(jnp.float32(image / 255) for image in pair))
    np.testing.assert_allclose(scores, ms_ssim(*pair), atol=1e-5)


def test_ms_ssim_of_floats_sees_only_the_area_it_is_told_of(photo, noise):
    height, width, _ = photo.shape
    pair = (photo, disturbed(photo, noise, 30))
    room = ((0, 208 - height), (0, 224 - width), (0, 0))
    arrays = [
        np.pad(np.float32(image / 255), room, constant_values=beyond)[None]
        for image, beyond in zip(pair, (0, 1), strict=True)
    ]
    found = ms_ssim_of_floats(*arrays, np.array([[height, width]]))
    np.testing.assert_allclose(found[0], ms_ssim(*pair), atol=1e-5)


GREY = np.full((MS_SSIM_SMALLEST_SIDE, MS_SSIM_SMALLEST_SIDE, 3), 0.4, np.float32)
BLACK = np.zeros_like(GREY)
SLOPE = GREY * np.linspace(0, 1, MS_SSIM_SMALLEST_SIDE, dtype=np.float32)[:, None]
loss_and_gradient = jax.jit(jax.value_and_grad(lambda a, b: 1 - ms_ssim_of_floats(a, b)))


@pytest.mark.parametrize("image", [SLOPE, GREY, BLACK], ids=["slope", "flat", "black"])
def test_a_loss_of_ms_ssim_is_at_its_least_and_level_between_equal_images(image):
    loss, gradient = loss_and_gradient(image, image)
    assert float(loss) == pytest.approx(0.0, abs=1e-5) and np.abs(gradient).max() < 1e-4


@pytest.mark.parametrize("image, other", [(SLOPE, GREY), (GREY, SLOPE), (SLOPE, 0.4 - SLOPE)])
def test_a_loss_of_ms_ssim_has_a_finite_gradient_that_leads_from_one_image_to_the_other(
    image, other
):
    _, gradient = loss_and_gradient(image, other)
    assert np.all(np.isfinite(gradient))
    assert np.sum(gradient * (other - image)) < 0


@pytest.mark.parametrize("metric", [psnr, ssim, ms_ssim])
def test_metrics_refuse_what_is_not_a_pair_of_8_bit_images(metric, photo):
    with pytest.raises(ValueError, match="float64"):
        metric(photo / 255, photo)
    with pytest.raises(ValueError, match="differ in shape"):
        metric(photo, photo[1:])
    with pytest.raises(ValueError, match="uint8"):
        metric(photo[..., 0], photo[..., 0])


def test_squared_errors_of_the_largest_arrays_are_summed_to_the_last_unit():
    a = np.full((2, 40, 16_384, 3), 255, np.uint8)
    b = np.zeros_like(a)
    b[:, 3, 5, 1] = 254
    areas = np.array([[40, 16_384], [4, 6]], np.int32)
    found = whole_sums(np.asarray(squared_error_within(a, b, areas)))
    expected = [3 * 255**2 * height * width - 255**2 + 1 for height, width in areas.tolist()]
    assert found.tolist() == expected
