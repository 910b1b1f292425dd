"""All parameters as one vector, which is what the optimiser and the checkpoints hold.

A model has a thousand small arrays. Adam, clipping and averaging on each of them apart cost more
than half of the time to compile a step, and on a CPU a third of the time to run it.
"""

import dataclasses
import hashlib
import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp


@dataclasses.dataclass(frozen=True)
class FlatLayout:
    """Where each parameter lies in the vector: in the order of `jax.tree.leaves`, row by row."""

    structure: Any
    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, params: Any) -> "FlatLayout":
        """The layout of a tree of float32 arrays or their shapes. Raises TypeError for others."""
        paths, structure = jax.tree_util.tree_flatten_with_path(params)
        for path, leaf in paths:
            if leaf.dtype != jnp.float32:
                raise TypeError(f"{jax.tree_util.keystr(path)} is {leaf.dtype}, not float32")
        names = tuple(jax.tree_util.keystr(path) for path, _ in paths)
        return cls(structure, names, tuple(tuple(leaf.shape) for _, leaf in paths))

    @property
    def sizes(self) -> list[int]:
        """Numbers in each parameter."""
        return [math.prod(shape) for shape in self.shapes]

    @property
    def digest(self) -> str:
        """A hash of names and shapes: a checkpoint read by another layout would be scrambled."""
        text = "\n".join(f"{n} {s}" for n, s in zip(self.names, self.shapes, strict=True))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def ravel(self, params: Any) -> jax.Array:
        """Tree to vector `[n]`."""
        return jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(params)])

    def unravel(self, vector: jax.Array) -> Any:
        """Vector `[n]` to tree. By splitting: the gradient of slices would be a sum for each."""
        ends = list(itertools.accumulate(self.sizes))
        parts = jnp.split(vector, ends[:-1])
        leaves = [part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True)]
        return jax.tree.unflatten(self.structure, leaves)
