"""Rate and distortion, and the objective that adds them."""

import jax.numpy as jnp
import numpy as np
import pytest

from configs.tcm import get_config
from hcfss_jax.metrics import ms_ssim
from hcfss_jax.models import Output
from train.errors import BadConfig
from train.loss import RateDistortion, level_importance, psnr
from train.objective import Objective, build_objective


def _objective(**fields) -> Objective:
    config = get_config("tiny")
    config.balance = 0.0
    for name, value in fields.items():
        config[name] = value
    return build_objective(config)


def _batch(x: np.ndarray, level: np.ndarray) -> dict:
    return {"image": jnp.asarray(x, jnp.float32), "level": jnp.asarray(level, jnp.float32)}


def test_the_loss_is_bpp_plus_lambda_times_the_squared_error_of_8_bit_pixels() -> None:
    rng = np.random.default_rng(0)
    x, x_hat = rng.uniform(size=(2, 3, 8, 4, 3))
    bits_y, bits_z, lambdas = rng.uniform(1, 9, (3, 3))
    level = np.array([2, 0, 1])
    distortion = lambdas[level] * np.mean((255 * x - 255 * x_hat) ** 2, axis=(1, 2, 3))
    out = Output(jnp.float32(x_hat), {"z": jnp.float32(bits_z), "y": jnp.float32(bits_y)})
    objective = _objective(lambdas=tuple(lambdas.tolist()))
    loss, told = objective(out, _batch(x, level), jnp.int32(0), {})
    # float32 sums of 96 terms against float64.
    wanted = np.mean((bits_y + bits_z) / 32 + distortion)
    assert float(loss) == float(told["loss"]) == pytest.approx(wanted, rel=1e-5)
    assert float(told["bpp"]) == pytest.approx(np.mean(bits_y + bits_z) / 32, rel=1e-5)
    assert float(told["bpp_z"]) == pytest.approx(np.mean(bits_z) / 32, rel=1e-5)

    weighed = _objective(lambdas=tuple(lambdas.tolist()), rate_weights=(("z", 3.0),))
    loss, told = weighed(out, _batch(x, level), jnp.int32(0), {})
    wanted = np.mean((bits_y + 3 * bits_z) / 32 + distortion)
    assert float(loss) == pytest.approx(wanted, rel=1e-5)
    assert float(told["bpp"]) == pytest.approx(np.mean(bits_y + bits_z) / 32, rel=1e-5)


def test_a_weight_of_a_latent_that_is_none_is_named() -> None:
    out = Output(jnp.zeros((1, 8, 8, 3)), {"z": jnp.ones(1)})
    with pytest.raises(BadConfig, match="no latent is called 'y_low'; there are z"):
        RateDistortion((1.0,), rate_weights={"y_low": 2.0}).rate(out, out.x_hat)


def test_ms_ssim_is_minimised_as_its_distance_from_1() -> None:
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.uniform(size=(2, 192, 192, 3)), jnp.float32)
    x_hat = x.at[1].multiply(0.5)
    zero = jnp.zeros(2)
    objective = _objective(lambdas=(8.0,), metric="ms-ssim")
    loss, told = objective(Output(x_hat, {"y": zero}), _batch(x, zero), jnp.int32(0), {})
    wanted = 1 - ms_ssim(np.uint8(np.round(255 * x)), np.uint8(np.round(255 * x_hat)))
    assert wanted[0] == pytest.approx(0, abs=1e-6) and wanted[1] > 0.1
    # Pixels rounded to 8 bits on one side, not on the other.
    assert float(loss) == pytest.approx(8 * np.mean(wanted), rel=1e-3)
    assert told["ms_ssim_db"] > 0


def test_importance_evens_out_levels_by_a_power_of_lambda_around_their_geometric_mean() -> None:
    importance = level_importance([0.01, 0.04, 0.16], 0.5)
    np.testing.assert_allclose(importance, [2, 1, 0.5], rtol=1e-6)
    np.testing.assert_array_equal(level_importance([0.01, 0.04, 0.16], 0.0), 1)


def test_psnr_of_one_grey_level_is_48_db() -> None:
    one_level = jnp.asarray((1 / 255) ** 2, jnp.float32)
    assert float(psnr(one_level)) == pytest.approx(20 * np.log10(255), abs=1e-3)
    assert float(psnr(jnp.zeros(()))) == pytest.approx(100.0, rel=1e-6)  # of float32
