"""The sizes that every model has."""

import dataclasses
import math
import typing
from typing import Any


@dataclasses.dataclass(frozen=True)
class RateConfig:
    """What the gains and the learned densities of a model are, whatever its transforms."""

    prior_filters: tuple[int, ...] = (3, 3, 3)
    medians: bool = False
    """Whether z is coded around medians, see `FactorisedPrior`."""
    levels: int = 8
    gains: bool = True
    """Whether y and z have learned gains, one pair a level; without, there is one level."""
    gain_start: tuple[float, float] = (0.7, 2.4)
    """Logarithms at which the gains of y start, for the first and last level: about the inverse of the best step of an
    orthonormal transform at lambda .0018 and .05, sqrt(18 / (lambda ln 2)) / 255."""

    def __post_init__(self) -> None:
        """Raise ValueError, which names the field, for values of other types than it has, or too small ones."""
        hints = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            _check_value(field.name, getattr(self, field.name), hints[field.name])
        if not self.gains and self.levels != 1:
            raise ValueError(f"{self.levels} levels take gains: set gains, or levels=1")


@dataclasses.dataclass(frozen=True)
class ModelConfig(RateConfig):
    """What a model is; each adds fields of its own. The defaults are paper scale."""

    widths: tuple[int, ...] = (256, 256, 256)
    """Channels at strides 2, 4 and 8."""
    blocks: tuple[int, ...] = (2, 2, 2)
    """Blocks at strides 2, 4 and 8."""
    hyper_width: int = 256
    hyper_blocks: int = 2
    hyper_channels: int = 192
    slices: tuple[int, ...] = (64, 64, 64, 64, 64)
    parameter_hidden: tuple[int, int] = (224, 128)
    """Channels inside of the nets of three convolutions of a slice."""
    skip_kernels: tuple[int, int] = (1, 3)
    """Kernels of the skips of RBS and RBU; CompressAI's by default. With (2, 1) they start as a wavelet packet."""


def _check_value(name: str, value: Any, hint: Any) -> None:
    if typing.get_origin(hint) is typing.Literal and not _is_of(value, hint):
        raise ValueError(f"{name}={value!r}: choose one of {typing.get_args(hint)}")
    if not _is_of(value, hint):
        told = getattr(hint, "__name__", str(hint)) if isinstance(hint, type) else str(hint)
        raise ValueError(f"{name}={value!r} is no {told}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name}={value!r} is no finite number")
    if name == "drop_path" and not 0 <= value < 1:
        raise ValueError(f"drop_path={value!r} is a probability below 1")
    least = 0 if name.endswith("blocks") else 1
    numbers = value if isinstance(value, tuple) else (value,)
    if any(isinstance(n, int) and not isinstance(n, bool) and n < least for n in numbers):
        raise ValueError(f"{name}={value!r}: {least} is the least")


def _is_of(value: Any, hint: Any) -> bool:
    """Whether a value is of a type as fields are annotated with: numbers, strings, choices, and tuples of them."""
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return value in inside
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if inside[-1:] == (...,):
            inside = inside[:1] * len(value)
        return len(value) == len(inside) and all(map(_is_of, value, inside))
    if origin is not None:  # a union
        return any(_is_of(value, one) for one in inside)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))


def check_heads(name: str, heads: int, width: int) -> None:
    """Raise ValueError, which names the field, for heads of attention that do not divide the width."""
    if width % heads:
        raise ValueError(f"{name}: {heads} heads do not divide {width} channels")


def tuples_of(value: Any) -> Any:
    """A field's value, its lists as tuples, so that it may come from JSON and be hashed."""
    return tuple(map(tuples_of, value)) if isinstance(value, list | tuple) else value


TINY: dict[str, Any] = {
    "widths": (24, 48, 64),
    "blocks": (0, 0, 2),
    "hyper_width": 36,
    "hyper_blocks": 0,
    "hyper_channels": 32,
    "slices": (16, 16, 32, 32, 32),
    "parameter_hidden": (24, 16),
    "skip_kernels": (2, 1),
}
"""Sizes that train on two CPU cores."""

PORTED: dict[str, Any] = {
    "prior_filters": (3, 3, 3, 3),
    "medians": True,
    "gains": False,
    "levels": 1,
}
"""What weights of codecs written with CompressAI take: its prior, and one model a rate."""

SMALLEST: dict[str, Any] = {
    "widths": (8, 8, 8),
    "blocks": (0, 0, 1),
    "hyper_width": 8,
    "hyper_channels": 4,
    "slices": (4, 4),
    "parameter_hidden": (8, 8),
}
"""Sizes that compile in seconds."""

SMALLEST_PORTED: dict[str, Any] = {
    **SMALLEST,
    "blocks": (1, 1, 2),
    "hyper_blocks": 1,
    "slices": (4, 6),
    "parameter_hidden": (5, 3),
}
"""The same with every kind of layer that weights of other codecs have, all of different shapes."""
