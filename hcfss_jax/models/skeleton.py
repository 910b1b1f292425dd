"""What every model here is: passes over a plan of coding steps, written once for all.

    x -> analyse -> latents;  for each step of the plan: predict -> quantise -> refine;  -> synthesise -> x_hat

A model says what is in `analyse`, `predict`, `refine` and `synthesise`, and what its `plan` is. How training,
evaluation and coding walk it stands here, in `estimate` and in `passes`.
"""

import contextlib
import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.coding import Tables
from hcfss_jax.entropy.distributions import Distribution
from hcfss_jax.entropy.equal_steps import run_equal_steps
from hcfss_jax.entropy.plan import Plan, bits_by_latent
from hcfss_jax.entropy.steps import (
    FULL,
    Decoded,
    Latents,
    Prediction,
    noise_and_straight_through,
    rounding,
    run_steps,
)
from hcfss_jax.layers.area import silent_layers
from hcfss_jax.layers.checks import check_images, check_levels
from hcfss_jax.layers.drop_path import images_dropped_by
from hcfss_jax.layers.one_loop import equal_modules_in_loops


class Output(NamedTuple):
    """A pass over a batch.

    x_hat: `[B, H, W, 3]`, not clipped. bits: of each image `[B]`, by the latent that they code. features: what a loss
    term asks for beside; a model that has some says which.
    """

    x_hat: jax.Array
    bits: dict[str, jax.Array]
    features: Mapping[str, jax.Array] = {}

    @property
    def total_bits(self) -> jax.Array:
        """Of all latents, `[B]`."""
        first, *others = self.bits.values()
        return sum(others, start=first)


class CompressionModel(nn.Module):
    """The skeleton.

    Images are float `[B, H, W, 3]` in [0, 1] with H and W multiples of `multiple`; levels are `[B]` in
    [0, levels - 1]. What is known to be none when a pass is traced raises InvalidInput.
    """

    config: Any
    """What the model is, a frozen dataclass with `levels`. It travels with the weights; the other fields may change
    between runs with the same weights."""
    dtype: str = "float32"
    """What the transforms compute in: "float32", or "bfloat16" for accelerators. All else is float32."""
    remat: bool = False
    """Keep only the input of each block for the gradient, and compute its inside again: less memory, more work."""
    loops: bool = False
    """Compile equal blocks, and equal coding steps, once, as loops: the pass of training compiles in a third of the
    time, and on CPUs runs half as fast. Evaluation and coding do without: what decides a file is to depend on as little
    as can be."""

    @property
    def plan(self) -> Plan:
        """What is coded, in order."""
        raise NotImplementedError

    @property
    def multiple(self) -> int:
        """Pixels that the sides of images are multiples of: by default the largest stride of the plan."""
        return max(step.stride for step in self.plan)

    @property
    def takes(self) -> tuple[str, ...]:
        """What its encoder may be given beside the images, of `side_inputs.SIDE_INPUTS`."""
        return ()

    @property
    def paddable(self) -> bool:
        """Whether `layers.area.only_within` makes padding invisible to the model: whether all of its layers say what
        padding does to them. To find out, the model is traced; one that knows says so."""
        return not silent_layers(self.clone(remat=False))

    def analyse(
        self, x: jax.Array, level: jax.Array, given: Mapping[str, jax.Array] = {}
    ) -> Latents:
        """Images to latents by name, float32 `[B, h, w, C]`, not yet quantised.

        given: what only the encoder sees beside the images, of what the model `takes`; see `side_inputs`.
        """
        raise NotImplementedError

    @property
    def level_only_scales(self) -> bool:
        """Whether `analyse` is `scaled(unscaled(x, level, given), level)`, and `unscaled`, where most of its work lies,
        the same whatever the level. Who looks for a quality then runs that once; a model that does not say so is
        analysed anew for each."""
        return False

    def unscaled(self, x: jax.Array, level: jax.Array, given: Mapping[str, jax.Array] = {}) -> Any:
        """The part of `analyse` before any gain, an array or a tree of arrays; see `level_only_scales`."""
        raise NotImplementedError

    def scaled(self, unscaled: Any, level: jax.Array) -> Latents:
        """The rest of `analyse`."""
        raise NotImplementedError

    def predict(self, step: int, level: jax.Array, decoded: Decoded) -> Prediction:
        """What a step knows beforehand. decoded: what `refine` returned for each step before it."""
        raise NotImplementedError

    def refine(
        self, step: int, level: jax.Array, decoded: Decoded, features: Any, quantised: jax.Array
    ) -> Any:
        """What a step leaves for those after it, and for `synthesise`."""
        raise NotImplementedError

    def synthesise(self, decoded: Decoded, level: jax.Array) -> jax.Array:
        """What all steps left to images, float32, not clipped."""
        raise NotImplementedError

    def told(self, decoded: Decoded, level: jax.Array) -> Mapping[str, jax.Array]:
        """What a loss term asks for beside picture and bits, in training only: see `Output.features`."""
        return {}

    def modules_of_step(self, step: int) -> Mapping[str, nn.Module]:
        """Modules that serve one step alone, by what they are in it; none where steps share what they do.

        See `run_equal_steps`, which makes a loop of steps that differ in them alone.
        """
        return {}

    def check(self, x: jax.Array, level: jax.Array) -> None:
        """Raise InvalidInput for what are no images and levels of this model."""
        check_images(self, x, self.multiple)
        check_levels(self, level, len(x), self.config.levels)

    def __call__(
        self,
        x: jax.Array,
        level: jax.Array,
        keys: jax.Array,
        given: Mapping[str, jax.Array] = {},
        quantisation: str = "noise",
        products: str = FULL,
    ) -> Output:
        """The pass of training.

        keys: `[B]`, as `jax.random.split` makes them. An image's noise, and the blocks that it goes past, are functions
        of its key alone, and so depend neither on the rest of the batch nor on how the batch is dealt out to devices.
        given: see `analyse`.
        quantisation: what bits are counted of, latents with "noise", or "rounded" as in files.
        products: precision of those of the coding steps, "highest" (float32), "high" or "default", as JAX names them.
        Files are always coded by the first.
        """
        loops = equal_modules_in_loops() if self.loops else contextlib.nullcontext()
        with loops, images_dropped_by(keys):
            latents = self.analyse(x, level, given)
            noise = keys if quantisation == "noise" else None
            decoded, bits = self._run_training_steps(level, noise, latents, products)
            output = self._output(decoded, bits, level)
            return output._replace(features=self.told(decoded, level))

    def _run_training_steps(
        self, level: jax.Array, keys: jax.Array | None, latents: Latents, products: str
    ) -> tuple[Decoded, list[jax.Array]]:
        if not self.loops or self.is_initializing():
            quantise = noise_and_straight_through(keys, self.plan, latents)
            return run_steps(self, level, quantise, products)
        model, variables = self.unbind()
        return run_equal_steps(model, dict(variables["params"]), level, keys, latents, products)

    def evaluate(
        self, x: jax.Array, level: jax.Array, given: Mapping[str, jax.Array] = {}
    ) -> Output:
        """The pass with real rounding; bits are the model's estimate. Raises InvalidInput for what are no images."""
        latents = self.analyse(x, level, given)
        return self._output(*run_steps(self, level, rounding(self.plan, latents)), level)

    def bit_maps(
        self, x: jax.Array, level: jax.Array, given: Mapping[str, jax.Array] = {}
    ) -> tuple[jax.Array, ...]:
        """Where the bits of `evaluate` go: of each step of the plan those at each position of its map, `[B, h, w]`.

        Raises InvalidInput for what are no images.
        """
        latents = self.analyse(x, level, given)
        _, bits = run_steps(self, level, rounding(self.plan, latents, over=(3,)))
        return tuple(bits)

    def _output(self, decoded: Decoded, bits: list[jax.Array], level: jax.Array) -> Output:
        return Output(self.synthesise(decoded, level), bits_by_latent(self.plan, bits))

    def distribution(self, step: int) -> Distribution:
        """That of a step which needs nothing but what was learned."""
        return self.predict(step, jnp.zeros(1), ()).distribution

    def build_tables(self, variables: Any) -> dict[str, Tables]:
        """The coder's integer tables of each latent.

        A value made once, when weights are exported, and stored with them; floats of another machine never meet it.
        """
        tables: dict[str, Tables] = {}
        with jax.transfer_guard("allow"):  # not compiled, and done once
            for number, step in enumerate(self.plan):
                if step.latent not in tables:
                    learned = functools.partial(self._learned, number, variables)
                    tables[step.latent] = step.distribution.tables(learned)
        return tables

    def _learned(self, step: int, variables: Any) -> Distribution:
        found: Any = self.apply(variables, step, method="distribution")
        return found
