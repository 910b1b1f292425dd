"""What a layer or a model can know of its input when it is traced, so that a wrong one is named and not computed with.

All of it is looked at in Python: compiled functions hold none of it. Values are looked at where they are at hand, which
is in calls that are not compiled.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.errors import InvalidInput

_OVERSHOOT = 0.5  # what resampling may leave outside of [0, 1]; pixels in [0, 255] are far beyond


def check_map(layer: Any, x: jax.Array, multiple: int = 1, field: str = "") -> None:
    """Raise InvalidInput unless x is a float map `[B, H, W, C]` whose C is a positive multiple of `multiple`.

    layer: the module that asks. field: its field that asks for the multiple, where one does.
    """
    name = _name(layer)
    if x.ndim != 4:
        raise InvalidInput(
            f"{name} takes maps [B, H, W, C], not an array {list(x.shape)}: add or merge axes"
        )
    check_float(layer, x)
    if 0 in x.shape:
        raise InvalidInput(f"{name} takes maps that hold something, not {list(x.shape)}")
    channels = x.shape[-1]
    if not channels or channels % multiple:
        because = f"{field}={multiple}" if field else f"{multiple}"
        remedy = f", or another {field}" if field else ""
        raise InvalidInput(
            f"{name} takes a multiple of {because} channels, not {channels} as in {list(x.shape)}: "
            f"choose a width that divides{remedy}"
        )


def check_width(layer: Any, x: jax.Array, least: int, field: str = "") -> None:
    """Raise InvalidInput unless x has `least` channels or more. field: of the layer, if that asks for them."""
    if x.shape[-1] < least:
        because = f"{field}={least}" if field else f"{least}"
        raise InvalidInput(
            f"{_name(layer)} takes at least {because} channels, not {x.shape[-1]}: of fewer its narrow part has none"
        )


def check_float(layer: Any, x: jax.Array) -> None:
    """Raise InvalidInput unless x holds floats: integers would be computed with as they are, or as 0 and 1."""
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise InvalidInput(
            f"{_name(layer)} takes floats, not {x.dtype} {list(x.shape)}: convert, pixels by "
            "x.astype(jnp.float32) / 255"
        )


def check_even_sides(layer: Any, x: jax.Array) -> None:
    """Raise InvalidInput unless H and W of a map `[B, H, W, C]` are even."""
    height, width = x.shape[1:3]
    if height % 2 or width % 2:
        raise InvalidInput(
            f"{_name(layer)} halves even heights and widths, not {height}x{width}: pad the map"
        )


def check_images(model: Any, x: jax.Array, multiple: int) -> None:
    """Raise InvalidInput unless x are images `[B, H, W, 3]`, floats in [0, 1], sides multiples of `multiple`."""
    shape = list(x.shape)
    if x.ndim != 4 or shape[-1] != 3:
        raise InvalidInput(f"{_name(model)} takes RGB images [B, H, W, 3], not {shape}")
    check_float(model, x)
    check_sides(model, x, multiple)
    if not _within(x, -_OVERSHOOT, 1 + _OVERSHOOT):
        raise InvalidInput(
            f"{_name(model)} takes images in [0, 1], and these reach from {np.min(_values(x)):.4g} to "
            f"{np.max(_values(x)):.4g}: divide pixels by 255"
        )


def check_pixels(model: Any, rgb: jax.Array, multiple: int) -> None:
    """Raise InvalidInput unless rgb are pixels uint8 `[B, H, W, 3]`, sides multiples of `multiple`."""
    if rgb.ndim != 4 or rgb.shape[-1] != 3 or rgb.dtype != jnp.uint8:
        raise InvalidInput(
            f"{_name(model)} takes uint8 pixels [B, H, W, 3] here, not {rgb.dtype} {list(rgb.shape)}"
        )
    check_sides(model, rgb, multiple)


def check_areas(model: Any, areas: jax.Array, batch: int) -> None:
    """Raise InvalidInput unless areas are whole numbers `[batch, 2]`."""
    if areas.shape != (batch, 2) or not jnp.issubdtype(areas.dtype, jnp.integer):
        raise InvalidInput(
            f"{_name(model)} takes height and width of each of {batch} pictures, whole numbers "
            f"[{batch}, 2], not {areas.dtype} {list(areas.shape)}"
        )


def check_sides(model: Any, x: jax.Array, multiple: int) -> None:
    """Raise InvalidInput unless H and W of images `[B, H, W, C]` are positive multiples of `multiple`."""
    height, width = x.shape[1:3]
    if not height or not width or height % multiple or width % multiple:
        raise InvalidInput(
            f"{_name(model)} takes sides that are multiples of {multiple}, not {height}x{width}: crop the "
            'images, or pad them with jnp.pad(..., mode="edge"); a Codec does so by itself'
        )


def check_levels(model: Any, level: jax.Array, batch: int, levels: int) -> None:
    """Raise InvalidInput unless `level` is `[batch]`, numbers in [0, levels - 1]."""
    shape, number = list(level.shape), jnp.issubdtype(level.dtype, jnp.number)
    if shape != [batch] or not number or jnp.issubdtype(level.dtype, jnp.complexfloating):
        raise InvalidInput(
            f"{_name(model)} takes one level for each of {batch} images, numbers [{batch}], not "
            f"{level.dtype} {shape}: a quality less 1, as in jnp.full({batch}, 3.0)"
        )
    if not _within(level, 0, levels - 1):
        raise InvalidInput(
            f"{_name(model)} has levels in [0, {levels - 1}], not {_values(level).tolist()}: a level is a "
            "quality less 1"
        )


def _within(x: jax.Array, least: float, most: float) -> bool:
    """Whether no value is known to lie outside."""
    if isinstance(x, jax.core.Tracer) or not x.size:
        return True
    values = _values(x)
    return bool(np.all((values >= least) & (values <= most)))


def _values(x: jax.Array) -> np.ndarray:
    return np.asarray(jax.device_get(x), np.float64)


def _name(layer: Any) -> str:
    """Of its class; Flax names that of a rematerialised module after what it wraps."""
    return type(layer).__name__.removeprefix("Checkpoint")
