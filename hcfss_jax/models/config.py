"""The sizes that every model has."""

import dataclasses
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
