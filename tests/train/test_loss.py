"""The rate-distortion loss."""

import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.metrics import ms_ssim
from hcfss_jax.models.skeleton import Output
from train.loss import Loss, level_importance, psnr


def test_the_loss_is_bpp_plus_lambda_times_the_squared_error_of_8_bit_pixels() -> None:
    rng = np.random.default_rng(0)
    x, x_hat = rng.uniform(size=(2, 3, 8, 4, 3))
    bits_y, bits_z, lambdas = rng.uniform(1, 9, (3, 3))
    level = np.array([2, 0, 1])
    wanted = np.mean(
        (bits_y + bits_z) / 32
        + lambdas[level] * np.mean((255 * x - 255 * x_hat) ** 2, axis=(1, 2, 3))
    )
    x_of_model, *bits = (jnp.asarray(v, jnp.float32) for v in (x_hat, bits_y, bits_z))
    out = Output(x_of_model, dict(zip("yz", bits, strict=True)))
    loss, parts = Loss(lambdas.tolist())(
        out, jnp.asarray(x, jnp.float32), jnp.asarray(level, jnp.float32)
    )
    # float32 sums of 96 terms against float64.
    assert float(loss) == pytest.approx(wanted, rel=1e-5)
    assert float(parts["bpp"]) == pytest.approx(np.mean(bits_y + bits_z) / 32, rel=1e-5)
    assert float(parts["bpp_z"]) == pytest.approx(np.mean(bits_z) / 32, rel=1e-5)


def test_ms_ssim_is_minimised_as_its_distance_from_1() -> None:
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.uniform(size=(2, 192, 192, 3)), jnp.float32)
    x_hat = x.at[1].multiply(0.5)
    zero = jnp.zeros(2)
    loss, parts = Loss((8.0,), "ms-ssim")(Output(x_hat, {"y": zero}), x, zero)
    wanted = 1 - ms_ssim(np.uint8(np.round(255 * x)), np.uint8(np.round(255 * x_hat)))
    assert wanted[0] == pytest.approx(0, abs=1e-6) and wanted[1] > 0.1
    # Pixels rounded to 8 bits on one side, not on the other.
    assert float(loss) == pytest.approx(8 * np.mean(wanted), rel=1e-3)
    assert parts["ms_ssim_db"] > 0


def test_importance_evens_out_levels_by_a_power_of_lambda_around_their_geometric_mean() -> None:
    importance = level_importance([0.01, 0.04, 0.16], 0.5)
    np.testing.assert_allclose(importance, [2, 1, 0.5], rtol=1e-6)
    np.testing.assert_array_equal(level_importance([0.01, 0.04, 0.16], 0.0), 1)


def test_psnr_of_one_grey_level_is_48_db() -> None:
    one_level = jnp.asarray((1 / 255) ** 2, jnp.float32)
    assert float(psnr(one_level)) == pytest.approx(20 * np.log10(255), abs=1e-3)
    assert float(psnr(jnp.zeros(()))) == pytest.approx(100.0, rel=1e-6)  # of float32
