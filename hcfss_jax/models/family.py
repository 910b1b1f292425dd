"""What the rest of the project knows of a family of models: the registry, tests, experiments and pages ask here."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hcfss_jax.models.skeleton import CompressionModel


class Family(NamedTuple):
    """One paper's models."""

    model: type[CompressionModel]
    variants: Mapping[str, Any]
    """Their configs, by size."""
    paper: str
    """Who, where and when."""
    small: Mapping[str, Mapping[str, Any]]
    """Fields that make a variant compile in seconds, with every part of the real one: for tests and first trials."""
