"""What the rest of the project knows of a family of models: the registry, tests, experiments and pages ask here."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from hcfss_jax.models.skeleton import CompressionModel


class Published(NamedTuple):
    """How good a system is, by those who published it. The figures of two have two anchors: they do not compare."""

    bd_rate: Mapping[str, float]
    """By PSNR, in percent, by the set of pictures; empty where none is known."""
    anchor: str = ""
    """The codec that it is against, as its source calls it."""
    source: str = ""
    """Where it stands; or what there is in its place."""
    curve: str = ""
    """The name of its points among the published curves of the evaluation, where they are."""


class Family(NamedTuple):
    """One paper's models."""

    model: type[CompressionModel]
    variants: Mapping[str, Any]
    """Their configs, by size, the largest last."""
    paper: str
    """Who, where and when."""
    small: Mapping[str, Mapping[str, Any]]
    """Fields that make a variant compile in seconds, with every part of the real one: for tests and first trials."""
    title: str = ""
    """What its authors call it."""
    url: str = ""
    """Of the paper, or of the code where that is what is public."""
    held_to: str = ""
    """What holds it to the authors' code, in a few words; "our reading" where nothing does."""
    published: Published = Published({})
