"""Masks in training: how they are drawn, and how they weigh the error."""

import jax.numpy as jnp
import numpy as np
import pytest

from configs import roi, tcm
from hcfss_jax.models import Output
from train.errors import BadConfig
from train.masks import draw_mask
from train.objective import build_objective
from train.training_crop import CropRecipe, build_recipe


def test_an_error_outside_of_the_mask_counts_less_by_the_ratio() -> None:
    rng = np.random.default_rng(0)
    x, x_hat = rng.uniform(size=(2, 3, 8, 4, 3))
    bits, level = rng.uniform(1, 9, 3), np.array([2, 0, 1])
    mask = rng.integers(0, 2, (3, 8, 4, 1)).astype(float)
    config = roi.get_config("tiny")
    config.balance, config.lambdas, config.region_ratio = 0.0, (0.01, 0.02, 0.04), 5.0
    objective = build_objective(config)
    batch = {"image": x, "level": level, "mask": mask}
    out = Output(jnp.float32(x_hat), {"y": jnp.float32(bits)})
    batch = {name: jnp.asarray(value, jnp.float32) for name, value in batch.items()}
    loss, told = objective(out, batch, jnp.int32(0), {})
    error = (255 * x - 255 * x_hat) ** 2
    lambdas = np.array(config.lambdas)[level][:, None, None, None]
    weighed = np.where(mask == 1, lambdas, lambdas / 5) * error
    # float32 sums of 96 terms against float64.
    wanted = np.mean(bits / 32 + weighed.mean((1, 2, 3)))
    assert float(loss) == pytest.approx(wanted, rel=1e-5)
    for name, share in (("region_psnr", mask), ("background_psnr", 1 - mask)):
        inside = error[np.broadcast_to(share == 1, error.shape)].mean()
        assert float(told[name]) == pytest.approx(10 * np.log10(255**2 / inside), rel=1e-5)


@pytest.mark.parametrize("field, value", [("metric", "ms-ssim"), ("data.given", ())])
def test_what_cannot_be_weighed_is_named(field, value) -> None:
    config = roi.get_config("tiny")
    config.update_from_flattened_dict({field: value})
    with pytest.raises(BadConfig, match="takes config.data.given=.*mask.* and config.metric='mse'"):
        build_objective(config)


@pytest.mark.parametrize("ratio", [0.0, -3.0, float("nan"), float("inf")])
def test_a_ratio_that_weighs_nothing_is_named(ratio) -> None:
    config = roi.get_config("tiny")
    config.region_ratio = ratio
    with pytest.raises(BadConfig, match=f"config.region_ratio={ratio}"):
        build_objective(config)


def test_an_experiment_without_the_number_of_an_objective_is_told_which() -> None:
    config = tcm.get_config("tiny")
    config.objective, config.data.given = "region", (("mask", 1),)
    with pytest.raises(BadConfig, match="takes config.region_ratio"):
        build_objective(config)
    config.objective = "train.sparse_latents:objective"
    with pytest.raises(BadConfig, match="takes config.magnitude_weight"):
        build_objective(config)


def test_masks_hold_shapes_all_and_nothing_and_hang_on_the_random_numbers_alone() -> None:
    masks = np.stack([draw_mask(32, np.random.default_rng(seed)) for seed in range(200)])
    assert masks.shape == (200, 32, 32, 1) and masks.dtype == np.float32
    assert set(np.unique(masks)) == {0.0, 1.0}
    share = masks.mean((1, 2, 3))
    assert 30 < np.sum(share == 1) < 80 and 8 < np.sum(share == 0) < 40
    assert np.sum((share > 0) & (share < 0.3)) > 20 and np.sum((share > 0.7) & (share < 1)) > 5
    np.testing.assert_array_equal(masks[7], draw_mask(32, np.random.default_rng(7)))


def test_a_recipe_with_masks_makes_the_crops_that_it_makes_without() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (96, 80, 3), np.uint8)
    plain, masked = (CropRecipe(64, 8, 0.25, 0.3, masked=m) for m in (False, True))
    for seed in range(8):
        one, other = (recipe(photo, np.random.default_rng(seed)) for recipe in (plain, masked))
        mask = other.pop("mask")
        assert mask.shape == (64, 64, 1)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    config = roi.get_config("tiny")
    assert "mask" in build_recipe(config)(photo, np.random.default_rng(0))
