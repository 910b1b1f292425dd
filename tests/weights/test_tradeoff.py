"""What the qualities of weights stand for: their lambdas, at and between levels, for either metric."""

import numpy as np
import pytest

from hcfss_jax.errors import InvalidInput
from hcfss_jax.weights import load_package
from hcfss_jax.weights.tradeoff import MS_SSIM_SCALE, lambda_of, trained_for, weights_of_mask

META = {"experiment": {"lambdas": [0.01, 0.04], "metric": "mse"}}


def test_a_lambda_is_that_of_training_and_geometric_between_levels():
    found = [lambda_of(META, quality, "psnr") for quality in (1, 1.5, 2)]
    assert found == pytest.approx([0.01, 0.02, 0.04])
    assert trained_for(META) == "psnr"


def test_the_other_metric_has_a_lambda_of_about_the_same_rate():
    assert lambda_of(META, 1, "ms-ssim") == pytest.approx(0.01 * MS_SSIM_SCALE)
    other = {"experiment": {"lambdas": [13], "metric": "ms-ssim"}}
    assert lambda_of(other, 1, "psnr") == pytest.approx(13 / MS_SSIM_SCALE)
    assert trained_for(other) == "ms-ssim"


def test_the_weights_that_ship_say_it():
    assert lambda_of(load_package("hcfssnet-tiny").meta, 8, "psnr") == pytest.approx(0.05)


@pytest.mark.parametrize(
    "meta",
    [
        {},
        {"experiment": None},
        {"experiment": {"lambdas": [], "metric": "mse"}},
        {"experiment": {"lambdas": [0.01, -1], "metric": "mse"}},
        {"experiment": {"lambdas": [float("nan")], "metric": "mse"}},
        {"experiment": {"lambdas": ["x"], "metric": "mse"}},
        {"experiment": {"lambdas": [0.01], "metric": "mine"}},
    ],
)
def test_weights_that_do_not_say_it_are_named(meta):
    with pytest.raises(InvalidInput, match="lambda"):
        lambda_of(meta, 1, "psnr")


def test_an_error_counts_as_the_mask_says():
    found = weights_of_mask(np.array([0, 0.5, 1], np.float32), 4.0)
    np.testing.assert_allclose(found, [0.25, 0.5, 1])
