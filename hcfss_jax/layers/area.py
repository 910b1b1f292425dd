"""Pictures smaller than the map that holds them: every layer sees only the picture, as if there were no padding.

So one compiled program serves all sizes up to its own, and computes what an exact one would, but for the order of sums.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.layers.afmm import AFMM
from hcfss_jax.layers.convolution import DepthwiseConv
from hcfss_jax.layers.window_attention import WindowAttention


def only_within(area: jax.Array, size: tuple[int, int]) -> AbstractContextManager[None]:
    """While it holds, modules that are applied see the first rows and columns of their maps only.

    area: int32 `[2]`, height and width that count, at the finest scale that occurs: in pixels. size: those of the whole
    map there. A layer whose map is smaller by a stride takes the area divided by it. Convolutions and scans find zeros
    beyond, windowed transforms the border repeated, attention nothing. Scans along lines of their own only; a raster
    scan has the padding in between.
    """

    def intercept(
        call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], context: Any
    ) -> Any:
        if context.method_name != "__call__":
            return call(*args, **kwargs)
        module = context.module
        if isinstance(module, nn.Conv):
            return call(_zero_beyond(args[0], area, size))
        if isinstance(module, DepthwiseConv):  # what follows it is scanned
            return _zero_beyond(call(_zero_beyond(args[0], area, size)), area, size)
        if isinstance(module, AFMM):
            return call(_repeat_border(args[0], area, size))
        if isinstance(module, WindowAttention):
            return call(args[0], valid=_inside(args[0].shape, area, size))
        return call(*args, **kwargs)

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
