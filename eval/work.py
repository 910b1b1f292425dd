"""How much arithmetic a model is on a picture of a size, of either side; nothing is run, and there are no weights."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from hcfss_jax.entropy.steps import Decoded, Latents, rounding, run_steps
from hcfss_jax.layers.area import example
from hcfss_jax.runtime.multiply_adds import counted, multiply_adds


class Work(NamedTuple):
    """Multiply-adds of the parts of a model, as `multiply_adds` counts them.

    analysis: from the picture to its latents. steps: all of `predict` and `refine`, which both sides run. synthesis:
    from the latents to the picture.
    """

    analysis: int
    steps: int
    synthesis: int

    @property
    def encoder(self) -> int:
        """Of writing a file."""
        return self.analysis + self.steps

    @property
    def decoder(self) -> int:
        """Of reading it."""
        return self.steps + self.synthesis


def work(model: Any, height: int, width: int) -> Work:
    """That of one picture, its sides rounded up to multiples of what the model takes."""
    sides = (-(-side // model.multiple) * model.multiple for side in (height, width))
    x = jax.ShapeDtypeStruct((1, *sides, 3), jnp.float32)
    level, variables = jax.ShapeDtypeStruct((1,), jnp.float32), variable_shapes(model)

    def part(method: str | Callable[..., Any]) -> Callable[..., Any]:
        return lambda variables, *args: model.apply(variables, *args, method=method)

    analysis, latents = counted(part("analyse"), variables, x, level)
    steps, decoded = counted(part(_decoded), variables, latents, level)
    return Work(analysis, steps, multiply_adds(part("synthesise"), variables, decoded, level))


@functools.lru_cache(maxsize=2)
def variable_shapes(model: Any) -> Any:
    """What the model is applied to: a `jax.ShapeDtypeStruct` for each parameter."""
    return jax.eval_shape(model.init, jax.random.key(0), *example(model))


def _decoded(model: Any, latents: Latents, level: jax.Array) -> Decoded:
    """What all steps leave for `synthesise`."""
    return run_steps(model, level, rounding(model.plan, latents))[0]
