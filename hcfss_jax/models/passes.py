"""A model's coding steps as compiled functions, the same ones for the encoder and the decoder.

What is coded depends on floats only through these; each is compiled once a shape, and run alike on both sides.
"""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax import programs
from hcfss_jax.coding.buckets import bucket, whole_positions
from hcfss_jax.entropy.gaussian import gaussian_bits, scale_position
from hcfss_jax.entropy.steps import Decoded, Prediction
from hcfss_jax.layers.area import inside, only_within
from hcfss_jax.models.skeleton import CompressionModel

LARGEST_SYMBOL = 2**20  # beyond what any trained model makes; keeps broken ones inside int32


def arrays_of(model: CompressionModel, height: int, width: int) -> tuple[int, int]:
    """Height and width of the arrays that hold a picture of so many pixels."""
    return (bucket if model.paddable else whole_positions)(height, width)


class CodingPasses:
    """The passes of one model with its parameters, for pictures of any size."""

    def __init__(self, model: CompressionModel, params: Any):
        self._model, self._variables = model, {"params": jax.device_put(params)}

    def of(self, height: int, width: int) -> "PicturePasses":
        """Those for a picture of `height` x `width` pixels."""
        return PicturePasses(self._model, self._variables, height, width)


class PicturePasses:
    """The passes for a picture of one size, a batch of one in arrays of its bucket's size.

    A model that can sees only the picture in them (`layers.area`); for others the arrays are as small as can be.

    Attributes:
      steps: coding steps of y.
      hyper_channels: channels of z.
      height, width: of the picture, pixels.
      size: height and width of the arrays, pixels.
    """

    def __init__(self, model: CompressionModel, variables: Any, height: int, width: int):
        self._model, self._variables = model, variables
        self.steps, self.hyper_channels = model.coding_steps, model.hyper_channels
        self.height, self.width = height, width
        self.size = arrays_of(model, height, width)
        self._area = jax.device_put(np.asarray(whole_positions(height, width), np.int32))

    def analyse(self, rgb: np.ndarray, level: np.ndarray) -> tuple[jax.Array, np.ndarray]:
        """uint8 `[1, H, W, 3]` to y, float, and z, int32."""
        y, z = self._run("analyse", rgb.astype(np.float32) / 255, level)
        return y, jax.device_get(_call(_to_symbols, z))

    def hyper(self, z: np.ndarray, level: np.ndarray) -> Any:
        """z, int32, to what the steps predict from."""
        return self._run("hyper", z.astype(np.float32), level)

    def split(self, y: jax.Array) -> list[jax.Array]:
        """y in the parts of the steps."""
        return self._run("split", y)

    def predict(self, step: int, hyper: Any, decoded: Decoded) -> Prediction:
        """See `CompressionModel.predict`."""
        return self._run("predict", hyper, decoded, step=step)

    def refine(self, step: int, features: jax.Array, quantised: jax.Array) -> jax.Array:
        """See `CompressionModel.refine`."""
        return self._run("refine", features, quantised, step=step)

    def positions(self, prediction: Prediction) -> np.ndarray:
        """Where each symbol's scale lies in the table, float32 `[1, h, w, c]` in [0, 63]."""
        return jax.device_get(_call(_positions, prediction.log_scale))

    def quantise(
        self, part: jax.Array, prediction: Prediction, area: tuple[int, int]
    ) -> tuple[jax.Array, float]:
        """Symbols, int32 `[1, h, w, c]`, 0 outside the first rows and columns of `area`; and their bits."""
        mean, log_scale, _ = prediction
        q, bits = _call(_quantise, part, mean, log_scale, np.asarray(area))
        return q, float(jax.device_get(bits))

    def dequantise(self, q: jax.Array | np.ndarray, prediction: Prediction) -> jax.Array:
        """Symbols to values of y."""
        return _call(_dequantise, q, prediction.mean)

    def synthesise(self, decoded: Decoded, level: np.ndarray) -> np.ndarray:
        """The decoded parts of y to uint8 `[H, W, 3]`."""
        x_hat = self._run("synthesise", decoded, level)
        return jax.device_get(_call(_to_pixels, x_hat))[0]

    def bits_z(self, z: np.ndarray, area: tuple[int, int]) -> float:
        """What the model says z costs, in bits, in the first rows and columns of `area`."""
        bits = jax.device_get(self._run("prior_bits", z.astype(np.float32)))
        return float(np.sum(bits[:, : area[0], : area[1]]))

    def _run(self, method: str, *args: Any, step: int | None = None) -> Any:
        size = self.size if self._model.paddable else None
        static = self._model, method, step, size
        inputs = self._variables, self._area, *jax.device_put(args)
        return programs.run(_run, *static, *inputs, static=len(static))


def _call(function: Callable[..., Any], *args: Any) -> Any:
    """A compiled function of arrays, sent to the device by name: `jax.transfer_guard` lets no other pass."""
    return programs.run(function, *jax.device_put(args))


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _run(
    model: CompressionModel,
    method: str,
    step: int | None,
    size: tuple[int, int] | None,
    variables: Any,
    area: jax.Array,
    *args: Any,
) -> Any:
    leading = () if step is None else (step,)
    with only_within(area, size) if size else contextlib.nullcontext():
        return model.apply(variables, *leading, *args, method=method)


@jax.jit
def _to_symbols(x: jax.Array) -> jax.Array:
    bounded = jnp.clip(jnp.nan_to_num(jnp.round(x)), -LARGEST_SYMBOL, LARGEST_SYMBOL)
    return bounded.astype(jnp.int32)


@jax.jit
def _quantise(
    part: jax.Array, mean: jax.Array, log_scale: jax.Array, area: jax.Array
) -> tuple[jax.Array, jax.Array]:
    within = inside(part, area)
    q = jnp.where(within, _to_symbols(part - mean), 0)
    return q, jnp.sum(jnp.where(within, gaussian_bits(q.astype(jnp.float32), log_scale), 0))


@jax.jit
def _dequantise(q: jax.Array, mean: jax.Array) -> jax.Array:
    return q.astype(mean.dtype) + mean


@jax.jit
def _positions(log_scale: jax.Array) -> jax.Array:
    return jnp.nan_to_num(scale_position(log_scale))


@jax.jit
def _to_pixels(x: jax.Array) -> jax.Array:
    return jnp.round(255 * jnp.clip(x, 0, 1)).astype(jnp.uint8)
