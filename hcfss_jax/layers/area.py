"""Pictures smaller than the map that holds them: every layer sees only the picture, as if there were no padding.

So one compiled program serves all sizes up to its own, and computes what an exact one would, but for the order of sums.
For that each layer says, as its class attribute `beyond`, what it has to find beyond the picture. A layer that says
nothing cannot be padded, nor can a model that has one.
"""

import enum
import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


class Beyond(enum.Enum):
    """What a layer has to find beyond the picture for its result within to be that without padding."""

    ANYTHING = enum.auto()
    """A position hangs on itself alone, or on what modules inside make of others; they say for themselves. So do cells
    of as many pixels as divide the sides of pictures."""
    ZEROS = enum.auto()
    ZEROS_AND_LEAVES_ZEROS = enum.auto()
    """What follows it takes zeros, and is no module that could say so."""
    BORDER = enum.auto()
    """The border of the picture repeated."""
    TOLD = enum.auto()
    """It is told by an argument: `valid`, bool `[H, W]`."""


_OF_FLAX = {
    nn.Dense: Beyond.ANYTHING,
    nn.DenseGeneral: Beyond.ANYTHING,
    nn.LayerNorm: Beyond.ANYTHING,
    nn.Conv: Beyond.ZEROS,
    nn.ConvTranspose: Beyond.ZEROS,
}


def beyond_of(layer: nn.Module) -> Beyond | None:
    """What a layer says; None for one that does not.

    What a class says holds for the `__call__` that it has or inherits, and not for one that a subclass writes anew.
    """
    if type(layer) in _OF_FLAX:
        explicit = not isinstance(padding := getattr(layer, "padding", "SAME"), str)
        return _OF_FLAX[type(layer)] if explicit or padding in ("SAME", "VALID") else None
    for owner in type(layer).__mro__:
        if "beyond" in vars(owner):
            return layer.beyond
        # A rematerialised class is made by Flax, and calls the one that it is named after.
        if "__call__" in vars(owner) and not owner.__name__.startswith("Checkpoint"):
            return None
    return None


@functools.lru_cache(maxsize=64)
def silent_layers(model: nn.Module) -> frozenset[str]:
    """The classes of a model's layers that do not say what they have to find beyond a picture; the model is traced."""
    found = set()

    def intercept(
        call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], context: Any
    ) -> Any:
        inner = context.method_name == "__call__" and context.module.path
        if inner and beyond_of(context.module) is None:
            found.add(type(context.module).__name__)
        return call(*args, **kwargs)

    with nn.intercept_methods(intercept):
        jax.eval_shape(model.init, jax.random.key(0), *example(model))
    return frozenset(found)


def example(model: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Images, levels and keys of the least size that a model takes: a batch of one."""
    side = model.multiple
    return (
        jnp.zeros((1, side, side, 3), jnp.float32),
        jnp.zeros(1, jnp.float32),
        jax.random.key(0)[None],
    )


def only_within(area: jax.Array, size: tuple[int, int]) -> AbstractContextManager[None]:
    """While it holds, modules that are applied see the first rows and columns of their maps only.

    area: int32 `[2]`, height and width that count, at the finest scale that occurs: in pixels. size: those of the whole
    map there. A layer whose map is smaller by a stride takes the area divided by it. Raises TypeError for a layer that
    does not say what it has to find beyond.
    """

    def intercept(
        call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], context: Any
    ) -> Any:
        module = context.module
        if context.method_name != "__call__" or not module.path:
            return call(*args, **kwargs)
        match beyond_of(module):
            case Beyond.ANYTHING:
                return call(*args, **kwargs)
            case Beyond.ZEROS:
                return call(_zero_beyond(args[0], area, size))
            case Beyond.ZEROS_AND_LEAVES_ZEROS:
                return _zero_beyond(call(_zero_beyond(args[0], area, size)), area, size)
            case Beyond.BORDER:
                return call(_repeat_border(args[0], area, size))
            case Beyond.TOLD:
                return call(args[0], valid=_inside(args[0].shape, area, size))
        raise TypeError(
            f"{type(module).__name__} does not say what it has to find beyond a picture: give it `beyond`, "
            "or let its model do without padding (`paddable`)"
        )

    return nn.intercept_methods(intercept)


def inside(x: jax.Array, area: jax.Array) -> jax.Array:
    """bool `[1, H, W, 1]`: the first rows and columns of a map `[B, H, W, C]`, `area` of its own positions."""
    return _inside(x.shape, area, x.shape[1:3])[None, ..., None]


def _inside(shape: tuple[int, ...], area: jax.Array, size: tuple[int, ...]) -> jax.Array:
    """bool `[H, W]` of a map `[B, H, W, C]`."""
    rows, columns = (
        jnp.arange(length, dtype=area.dtype) * (whole // length) < limit
        for length, whole, limit in zip(shape[1:3], size, area, strict=True)
    )
    return rows[:, None] & columns[None]


def _zero_beyond(x: jax.Array, area: jax.Array, size: tuple[int, int]) -> jax.Array:
    return jnp.where(_inside(x.shape, area, size)[None, ..., None], x, 0)


def _repeat_border(x: jax.Array, area: jax.Array, size: tuple[int, int]) -> jax.Array:
    for axis, (whole, limit) in enumerate(zip(size, area, strict=True), start=1):
        length = x.shape[axis]
        last = limit // (whole // length) - 1
        x = jnp.take(x, jnp.minimum(jnp.arange(length, dtype=area.dtype), last), axis=axis)
    return x
