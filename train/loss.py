"""Rate and distortion of one model over all its rate levels: the terms of what is usually minimised."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import jax
import jax.numpy as jnp

from hcfss_jax import metrics
from hcfss_jax.models.skeleton import Output
from train.errors import BadConfig

Metric = Literal["mse", "ms-ssim"]
Figures = dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class RateDistortion:
    """bpp + lambda * distortion of each image (Ballé et al. 2018, section 2), in its two terms.

    lambdas: the weight of the distortion at each rate level. metric: "mse" is 255^2 times the mean squared error
    (CompressAI's scale), "ms-ssim" is 1 - MS-SSIM. rate_weights: what a bit of a latent counts; 1 where it says none.
    """

    lambdas: Sequence[float]
    metric: Metric = "mse"
    rate_weights: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def rate(self, output: Output, x: jax.Array) -> tuple[jax.Array, Figures]:
        """Weighted bits a pixel `[B]`; and bpp, that of all latents, unweighted, with bpp_z and so on of each.

        x: the images `[B, H, W, 3]`. Raises BadConfig for a weight of a latent that the model does not code.
        """
        if unknown := sorted(self.rate_weights.keys() - output.bits.keys()):
            raise BadConfig(
                f"config.rate_weights: no latent is called {unknown[0]!r}; there are {', '.join(output.bits)}"
            )
        pixels = x.shape[1] * x.shape[2]
        bpp = output.total_bits / pixels
        figures = {"bpp": bpp}
        for latent, bits in output.bits.items():
            figures[f"bpp_{latent}"] = jnp.mean(bits) / pixels
        if not self.rate_weights:
            return bpp, figures
        weighed = [self.rate_weights.get(latent, 1.0) * b for latent, b in output.bits.items()]
        return sum(weighed[1:], start=weighed[0]) / pixels, figures

    def distortion(
        self, output: Output, x: jax.Array, level: jax.Array
    ) -> tuple[jax.Array, Figures]:
        """lambda * distortion `[B]`; and psnr (dB, unrounded), with ms_ssim_db where that is minimised.

        x: `[B, H, W, 3]` in [0, 1]. level: `[B]`, whole numbers.
        """
        distortion, quality = self.measure(output.x_hat, x)
        return jnp.asarray(self.lambdas, jnp.float32)[level.astype(jnp.int32)] * distortion, quality

    def measure(self, x_hat: jax.Array, x: jax.Array) -> tuple[jax.Array, Figures]:
        """Of each image the distortion, and how good it is in dB: two `[B, H, W, 3]` -> `[B]` each."""
        return _MEASURES[self.metric](x_hat, x)


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
