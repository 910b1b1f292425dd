"""In what order a model codes what: the static data that training, estimates, encoder and decoder all walk over.

    plan = (Step("z", 0, 192, 64, distribution=Factorised), *in_slices("y", (64,) * 5, 16))

A step codes some channels of a latent, at all positions or at every other one. Which of its symbols are sent, both
sides know before they need it: those on its lattice that the picture touches.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.entropy.distributions import Distribution, Gaussian

Lattice = Literal["whole", "even", "odd"]
"""Positions of a map: all; or those whose row and column add up to an even number, or to an odd one, the two passes of
a checkerboard. Papers differ in which of them comes first."""


def on_lattice(lattice: Lattice, height: int, width: int) -> np.ndarray:
    """bool `[h, w]`: its positions."""
    if lattice == "whole":
        return np.ones((height, width), bool)
    rows, columns = np.indices((height, width))
    return (rows + columns) % 2 == int(lattice == "odd")


def only_on(lattice: Lattice, x: jax.Array) -> jax.Array:
    """A map `[B, h, w, c]`, 0 everywhere else."""
    if lattice == "whole":
        return x
    return jnp.where(on_lattice(lattice, *x.shape[1:3])[None, ..., None], x, 0)


class Step(NamedTuple):
    """What one step codes."""

    latent: str
    """Names the tables, and the entry of a model's bits."""
    first: int
    channels: int
    """So many channels of the latent, from the first on."""
    stride: int
    """Pixels of the picture, in height and width, that a position stands for."""
    lattice: Lattice = "whole"
    distribution: type[Distribution] = Gaussian
    flagged: bool = False
    """Whether a channel in which every symbol is 0 is told by a flag, and costs no more; where that is `decided`."""

    def part(self, latents: Mapping[str, jax.Array]) -> jax.Array:
        """The step's channels `[B, h, w, c]`, at all positions."""
        return latents[self.latent][..., self.first : self.first + self.channels]

    def area(self, height: Any, width: Any) -> tuple[Any, Any]:
        """Rows and columns of its map that a picture of so many pixels touches."""
        return -(-height // self.stride), -(-width // self.stride)


Plan = tuple[Step, ...]
"""What is coded, in this order."""


Passes = tuple[Lattice, ...]
WHOLE: Passes = ("whole",)
CHECKERBOARD: Passes = ("even", "odd")
"""The anchors first, where row + column is even."""


def in_slices(latent: str, channels: Sequence[int], stride: int, passes: Passes = WHOLE) -> Plan:
    """A latent in slices of channels, each at all positions at once or in several passes."""
    firsts = [sum(channels[:i]) for i in range(len(channels))]
    return tuple(
        Step(latent, first, count, stride, lattice)
        for first, count in zip(firsts, channels, strict=True)
        for lattice in passes
    )


def bits_by_latent(plan: Plan, bits: Sequence[jax.Array]) -> dict[str, jax.Array]:
    """The bits of each step, summed for each latent."""
    sums: dict[str, jax.Array] = {}
    for step, of_step in zip(plan, bits, strict=True):
        sums[step.latent] = sums[step.latent] + of_step if step.latent in sums else of_step
    return sums
