"""What every model here shares: transforms, hyperprior, rate gains, and the pass through them.

x -> g_a -> * gain -> y -> h_a -> * gain -> z -> round -> z_hat -> / gain -> h_s -> hyper
                      y -> steps(hyper) -> y_hat -> / gain -> g_s -> x_hat
"""

import contextlib
import functools
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.coding import Tables, gaussian_tables, tables_from_pmfs
from hcfss_jax.entropy.equal_steps import run_equal_steps
from hcfss_jax.entropy.factorised import FactorisedPrior, cut_tails
from hcfss_jax.entropy.gaussian import scale_table
from hcfss_jax.entropy.steps import (
    Decoded,
    Prediction,
    noise_and_straight_through,
    rounding,
    run_steps,
)
from hcfss_jax.layers.checks import check_images, check_levels
from hcfss_jax.layers.gain import NoGain, RateGain
from hcfss_jax.layers.one_loop import equal_modules_in_loops
from hcfss_jax.models.config import ModelConfig
from hcfss_jax.ops import add_uniform_noise, round_straight_through

T = TypeVar("T")

Y_STRIDE, Z_STRIDE = 16, 64  # pixels of the image a position of y and of z stands for


def exactly(method: Callable[..., T]) -> Callable[..., T]:
    """Float32 products in full precision inside: what reaches a table index must not depend on fast modes."""

    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> T:
        with jax.default_matmul_precision("highest"):
            return method(*args, **kwargs)

    return wrapper


class Output(NamedTuple):
    """A pass over a batch: x_hat `[B, H, W, 3]` (not clipped) and bits of each image `[B]`."""

    x_hat: jax.Array
    bits_y: jax.Array
    bits_z: jax.Array


class CompressionModel(nn.Module):
    """The skeleton. To the prior and the gains, a model's `setup` adds the parts that are its own.

    Modules `g_a`, `g_s`, `h_a`, `h_s`; and `slices`, an entropy model with `split`, `predict` and `refine`.

    Images are float `[B, H, W, 3]` in [0, 1] with H and W multiples of 64; levels are `[B]` in [0, levels - 1].
    What is known to be none when a pass is traced raises InvalidInput.
    y is `[B, H / 16, W / 16, M]` and z `[B, H / 64, W / 64, C_z]`, both after their gain.
    """

    config: ModelConfig
    """What the model is. It travels with the weights; the others may change between runs with the same weights."""
    dtype: str = "float32"
    """What g_a and g_s compute in: "float32", or "bfloat16" for accelerators. All else is float32."""
    remat: bool = False
    """Keep only the input of each block for the gradient, and compute its inside again: less memory, more work."""
    loops: bool = False
    """Compile equal blocks, and equal coding steps, once, as loops: the pass of training compiles in a third of the
    time, and on CPUs runs half as fast. Evaluation and coding do without: what decides a file is to depend on as little
    as can be."""

    @property
    def paddable(self) -> bool:
        """Whether `layers.area.only_within` makes padding invisible to all of its layers."""
        return True

    @property
    def coding_steps(self) -> int:
        """Steps that code y."""
        return len(self.config.slices)

    @property
    def hyper_channels(self) -> int:
        """Channels of z."""
        return self.config.hyper_channels

    def setup(self) -> None:
        c = self.config
        self.prior = FactorisedPrior(c.hyper_channels, c.prior_filters, c.medians)
        first, last = c.gain_start
        self.gain_y = self._gain(sum(c.slices), (first, last))
        self.inverse_gain_y = self._gain(sum(c.slices), (-first, -last))
        self.gain_z = self._gain(c.hyper_channels)
        self.inverse_gain_z = self._gain(c.hyper_channels)

    def _gain(self, channels: int, start: tuple[float, float] = (0.0, 0.0)) -> nn.Module:
        return RateGain(self.config.levels, channels, start) if self.config.gains else NoGain()

    def analyse(self, x: jax.Array, level: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Image to (y, z), not yet quantised; z around its prior's medians. Raises InvalidInput for what is none."""
        check_images(self, x, Z_STRIDE)
        check_levels(self, level, len(x), self.config.levels)
        y = self.g_a(x, level).astype(jnp.float32) * self.gain_y(level)
        z = self.prior.centre(self.h_a(y) * self.gain_z(level))
        return y, z

    @exactly
    def hyper(self, z_hat: jax.Array, level: jax.Array) -> Any:
        """Quantised z to what the hyperprior tells the coding steps: maps for mean and scale, `[B, h, w, M]` each."""
        return self.h_s(self.prior.restore(z_hat) * self.inverse_gain_z(level))

    @exactly
    def predict(self, step: int, hyper: Any, decoded: Decoded) -> Prediction:
        """What a coding step knows beforehand."""
        return self.slices.predict(step, hyper, decoded)

    @exactly
    def refine(self, step: int, features: jax.Array, quantised: jax.Array) -> jax.Array:
        """A step's part of y_hat from its quantised values."""
        return self.slices.refine(step, features, quantised)

    def synthesise(self, decoded: Decoded, level: jax.Array) -> jax.Array:
        """The decoded parts of y to the image, not clipped."""
        y_hat = jnp.concatenate(decoded, axis=-1)
        return self.g_s(y_hat * self.inverse_gain_y(level), level).astype(jnp.float32)

    def split(self, y: jax.Array) -> list[jax.Array]:
        """y in the parts that the steps code."""
        return self.slices.split(y)

    def __call__(self, x: jax.Array, level: jax.Array, keys: jax.Array) -> Output:
        """The pass of training.

        keys: `[B]`, as `jax.random.split` makes them. An image's noise is a function of its key alone, and so depends
        neither on the rest of the batch nor on how the batch is dealt out to devices.
        """
        with equal_modules_in_loops() if self.loops else contextlib.nullcontext():
            y, z = self.analyse(x, level)
            keys_y, keys_z = jnp.unstack(jax.vmap(jax.random.split)(keys), axis=1)
            bits_z = self.prior.bits(add_uniform_noise(keys_z, z))
            hyper = self.hyper(round_straight_through(z), level)
            decoded, bits_y = self._run_noisy_steps(keys_y, self.split(y), hyper)
            return self._output(decoded, bits_y, bits_z, level)

    def _run_noisy_steps(
        self, keys: jax.Array, parts: list[jax.Array], hyper: Any
    ) -> tuple[Decoded, list[jax.Array]]:
        if not self.loops or self.is_initializing():
            quantise = noise_and_straight_through(keys, parts)
            return run_steps(self.coding_steps, self.predict, self.refine, quantise, hyper)
        model, variables = self.unbind()

        def apply(params: Any, method: str, *arguments: Any) -> Any:
            return model.apply({"params": {"slices": params}}, *arguments, method=method)

        return run_equal_steps(apply, variables["params"]["slices"], keys, parts, hyper)

    def evaluate(self, x: jax.Array, level: jax.Array) -> Output:
        """The pass with real rounding; bits are the model's estimate. Raises InvalidInput for what are no images."""
        y, z = self.analyse(x, level)
        z_hat = jnp.round(z)
        hyper, quantise = self.hyper(z_hat, level), rounding(self.split(y))
        decoded, bits_y = run_steps(self.coding_steps, self.predict, self.refine, quantise, hyper)
        return self._output(decoded, bits_y, self.prior.bits(z_hat), level)

    def _output(
        self, decoded: Decoded, bits_y: list[jax.Array], bits_z: jax.Array, level: jax.Array
    ) -> Output:
        x_hat = self.synthesise(decoded, level)
        return Output(x_hat, sum(bits_y[1:], start=bits_y[0]), jnp.sum(bits_z, axis=(1, 2, 3)))

    def prior_bits(self, z_hat: jax.Array) -> jax.Array:
        """Bits of quantised z, elementwise."""
        return self.prior.bits(z_hat)

    def prior_pmfs(self) -> tuple[jax.Array, jax.Array]:
        """See `FactorisedPrior.pmfs`."""
        return self.prior.pmfs()

    def build_tables(self, variables: Any) -> dict[str, Tables]:
        """The coder's integer tables: "y" by scale index, "z" by channel.

        A value made once, when weights are exported, and stored with them; floats of another machine never meet it.
        """
        with jax.transfer_guard("allow"):  # not compiled, and done once
            pmf, logits = self.apply(variables, method="prior_pmfs")
        kept, offsets = cut_tails(np.asarray(pmf), np.asarray(logits))
        return {
            "y": gaussian_tables(scale_table()),
            "z": tables_from_pmfs(kept, np.asarray(offsets)),
        }
