"""The parameters as a few vectors, which is what is sharded, updated, averaged and saved.

A model has a thousand small arrays. Adam, clipping and averaging on each of them apart cost more than half of the time
to compile a step, and on a CPU a third of the time to run it; gathering each of them apart would cost a pod a thousand
collectives where one does. So the parameters that lie on the devices in the same way are one vector.
"""

import dataclasses
import hashlib
import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from train.errors import BadConfig
from train.mesh import FSDP

Vectors = dict[str, jax.Array]
Rules = Sequence[tuple[str, str]]
T = TypeVar("T")

REPLICATED = "replicated"
_STILL = "still_"  # before the name of a vector whose parameters are not trained
MULTIPLE = 3072
"""Vectors are filled up with zeros to a multiple of this, so that every usual number of devices divides them and a run
may go on with another number."""


@dataclasses.dataclass(frozen=True)
class Packing:
    """Where each parameter lies: in which vector, and there in the order of `jax.tree.leaves`, row by row.

    names, shapes: of the parameters. groups: for each the name of its vector, "fsdp" (dealt out over that axis of the
    mesh) or "replicated" (whole on every device); "still_fsdp" and "still_replicated" hold those that are not trained.
    """

    structure: Any
    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    groups: tuple[str, ...]

    @classmethod
    def of(
        cls, params: Any, rules: Rules = ((".*", FSDP),), frozen: Sequence[str] = ()
    ) -> "Packing":
        """The packing of a tree of float32 arrays, or of their shapes.

        rules: (regular expression, "fsdp" or "replicated"); of those that match a parameter's name, such as
        "g_a/down1/conv1/kernel", somewhere, the first counts. frozen: regular expressions of parameters that are not
        trained, by their names in a weight package, "g_a.down1.conv1.kernel". Raises BadConfig for a parameter that no
        rule matches, for a pattern of `frozen` that matches none, for one that cannot be read, and where nothing is
        left to train; TypeError for parameters of other types.
        """
        paths, structure = jax.tree_util.tree_flatten_with_path(params)
        names = tuple("/".join(str(key.key) for key in path) for path, _ in paths)
        for name, (_, leaf) in zip(names, paths, strict=True):
            if leaf.dtype != jnp.float32:
                raise TypeError(f"{name} is {leaf.dtype}, not float32")
        still = _matched(names, frozen)
        groups = tuple(_STILL * (name in still) + _group(name, rules) for name in names)
        return cls(structure, names, tuple(tuple(leaf.shape) for _, leaf in paths), groups)

    @property
    def learned(self) -> "Packing":
        """The packing of what is trained alone; its tree is a plain list where that is not all."""
        kept = [i for i, group in enumerate(self.groups) if not group.startswith(_STILL)]
        if len(kept) == len(self.groups):
            return self
        return Packing(
            jax.tree.structure([0] * len(kept)),
            tuple(self.names[i] for i in kept),
            tuple(self.shapes[i] for i in kept),
            tuple(self.groups[i] for i in kept),
        )

    def items(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Name and shape of each parameter."""
        return zip(self.names, self.shapes, strict=True)

    @property
    def parameter_count(self) -> int:
        """Numbers that the model holds."""
        return sum(math.prod(shape) for shape in self.shapes)

    @property
    def lengths(self) -> dict[str, int]:
        """Length of each vector, filling included."""
        return {
            group: -(-sum(self._sizes(group)) // MULTIPLE) * MULTIPLE
            for group in sorted(set(self.groups))
        }

    @property
    def digest(self) -> str:
        """A hash of all this: a checkpoint read by another packing would be scrambled."""
        rows = zip(self.names, self.shapes, self.groups, strict=True)
        text = "\n".join(f"{name} {shape} {group}" for name, shape, group in rows)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def shardings(self, mesh: Mesh) -> dict[str, NamedSharding]:
        """How each vector lies on the devices."""
        return {group: NamedSharding(mesh, spec) for group, spec in self.specs.items()}

    @property
    def specs(self) -> dict[str, PartitionSpec]:
        """The axes of the mesh that each vector is dealt out over."""
        return {group: PartitionSpec(FSDP if is_dealt(group) else None) for group in self.lengths}

    def like(self) -> Any:
        """The tree's shapes; nothing is computed."""
        leaves = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in self.shapes]
        return jax.tree.unflatten(self.structure, leaves)

    def pack(self, params: Any) -> Vectors:
        """Tree to vectors."""
        leaves = list(zip(self.groups, jax.tree.leaves(params), strict=True))
        vectors = {}
        for group, length in self.lengths.items():
            parts = [jnp.ravel(leaf) for own, leaf in leaves if own == group]
            filling = jnp.zeros(length - sum(part.size for part in parts), jnp.float32)
            vectors[group] = jnp.concatenate([*parts, filling])
        return vectors

    def unpack(self, vectors: Vectors) -> Any:
        """Whole vectors to tree. By splitting: the gradient of slices would be a sum for each."""
        parts = {}
        for group, vector in vectors.items():
            ends = itertools.accumulate(self._sizes(group))
            parts[group] = iter(jnp.split(vector, list(ends)))
        leaves = [
            next(parts[group]).reshape(shape)
            for group, shape in zip(self.groups, self.shapes, strict=True)
        ]
        return jax.tree.unflatten(self.structure, leaves)

    def _sizes(self, group: str) -> list[int]:
        pairs = zip(self.groups, self.shapes, strict=True)
        return [math.prod(shape) for own, shape in pairs if own == group]


def is_dealt(group: str) -> bool:
    """Whether the vector of this name is dealt out over the axis "fsdp"."""
    return group.removeprefix(_STILL) == FSDP


def part_learned(vectors: Mapping[str, T]) -> tuple[dict[str, T], dict[str, T]]:
    """(those that are trained, those that are not) of vectors, or whatever there is for each, by their names."""
    still = {group: value for group, value in vectors.items() if group.startswith(_STILL)}
    return {group: value for group, value in vectors.items() if group not in still}, still


def gather(shards: Vectors) -> Vectors:
    """Inside a `shard_map`: the whole vectors from each device's part of them."""
    return {
        group: jax.lax.all_gather(part, FSDP, tiled=True) if is_dealt(group) else part
        for group, part in shards.items()
    }


def _matched(names: Sequence[str], patterns: Sequence[str]) -> set[str]:
    """The names that one of the patterns is found in. Raises BadConfig."""
    found: set[str] = set()
    for pattern in patterns:
        try:
            own = {name for name in names if re.search(pattern, name.replace("/", "."))}
        except re.error as error:
            raise BadConfig(
                f"config.frozen: {pattern!r} is no regular expression: {error}"
            ) from error
        if not own:
            raise BadConfig(
                f"config.frozen: {pattern!r} matches no parameter, such as {names[0].replace('/', '.')!r}"
            )
        found |= own
    if names and len(found) == len(names):
        raise BadConfig(f"config.frozen={tuple(patterns)!r} leaves nothing to train")
    return found


def _group(name: str, rules: Rules) -> str:
    for pattern, group in rules:
        if group not in (FSDP, REPLICATED):
            raise BadConfig(
                f"config.sharding: {pattern!r} must say {FSDP!r} or {REPLICATED!r}, not {group!r}"
            )
        try:
            found = re.search(pattern, name)
        except re.error as error:
            raise BadConfig(
                f"config.sharding: {pattern!r} is no regular expression: {error}"
            ) from error
        if found:
            return group
    raise BadConfig(f"config.sharding: no rule matches {name!r}; end with ('.*', {FSDP!r})")
