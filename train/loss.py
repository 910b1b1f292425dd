"""The rate-distortion loss of one model over all its rate levels."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp

from hcfss_jax import metrics

Distortion = Literal["mse", "ms-ssim"]


@dataclasses.dataclass(frozen=True)
class Loss:
    """Mean over a batch of importance * (bpp + lambda * distortion) (Ballé et al. 2018, section 2).

    lambdas: the weight of the distortion at each rate level. distortion: "mse" is 255^2 times the mean squared error
    (CompressAI's scale), "ms-ssim" is 1 - MS-SSIM. balance: see `level_importance`.
    """

    lambdas: Sequence[float]
    distortion: Distortion = "mse"
    balance: float = 0.0

    def __call__(
        self, out: Any, x: jax.Array, level: jax.Array
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """The loss and its parts, means over the batch: bpp, that of each latent as bpp_y and so on, and
        psnr (dB, unrounded), with ms_ssim_db where that is minimised.

        out: a model's `Output`.
        x: `[B, H, W, 3]` in [0, 1]. level: `[B]`, whole numbers.
        """
        pixels = x.shape[1] * x.shape[2]
        level = level.astype(jnp.int32)
        bpp = out.total_bits / pixels
        distortion, quality = self.measure(out.x_hat, x)
        importance = level_importance(self.lambdas, self.balance)[level]
        weight = jnp.asarray(self.lambdas, jnp.float32)[level]
        loss = jnp.mean(importance * (bpp + weight * distortion))
        return loss, {
            "loss": loss,
            "bpp": jnp.mean(bpp),
            **{f"bpp_{latent}": jnp.mean(bits) / pixels for latent, bits in out.bits.items()},
            **{name: jnp.mean(value) for name, value in quality.items()},
        }

    def measure(self, x_hat: jax.Array, x: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Of each image the distortion, and how good it is in dB: two `[B, H, W, 3]` -> `[B]` each."""
        return _MEASURES[self.distortion](x_hat, x)


def level_importance(lambdas: Sequence[float], balance: float) -> jax.Array:
    """What an image of each rate level counts: lambda^-balance, 1 at the levels' geometric mean.

    The loss of a level grows with its lambda, so that with balance 0 the highest rates decide what the shared weights
    learn. At 1/2 all levels weigh about alike. Our choice; a paper that trains one rate at a time has none to make.
    """
    log_lambda = jnp.log(jnp.asarray(lambdas, jnp.float32))
    return jnp.exp(balance * (jnp.mean(log_lambda) - log_lambda))


def mean_squared_error(x_hat: jax.Array, x: jax.Array) -> jax.Array:
    """Mean squared error of each image: two `[B, H, W, C]` -> float32 `[B]`."""
    return jnp.mean(jnp.square(x_hat.astype(jnp.float32) - x), axis=(1, 2, 3))


def psnr(mse: jax.Array) -> jax.Array:
    """Peak signal to noise ratio in dB for images in [0, 1]; at most 100 dB."""
    return -10.0 * jnp.log10(jnp.maximum(mse, 1e-10))


_Measure = Callable[[jax.Array, jax.Array], tuple[jax.Array, dict[str, jax.Array]]]


def _by_mse(x_hat: jax.Array, x: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
    mse = mean_squared_error(x_hat, x)
    return 255.0**2 * mse, {"psnr": psnr(mse)}


def _by_ms_ssim(x_hat: jax.Array, x: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
    distance = 1.0 - metrics.ms_ssim_of_floats(x_hat, x)
    return distance, {
        "psnr": psnr(mean_squared_error(x_hat, x)),
        "ms_ssim_db": -10.0 * jnp.log10(jnp.maximum(distance, 1e-10)),
    }


_MEASURES: dict[str, _Measure] = {"mse": _by_mse, "ms-ssim": _by_ms_ssim}
