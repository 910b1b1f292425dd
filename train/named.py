"""What an experiment names: something of ours by a short name, or of the user's by "package.module:name"."""

from collections.abc import Mapping
from typing import TypeVar

from hcfss_jax.named import by_name
from train.errors import BadConfig

T = TypeVar("T")


def choose(field: str, name: str, ours: Mapping[str, T]) -> T:
    """What `name` is, in this field of the experiment. Raises BadConfig, with what there is."""
    if name in ours:
        return ours[name]
    if ":" not in name:
        known = ", ".join((*ours, "'package.module:name'"))
        raise BadConfig(f"config.{field}={name!r}: use one of {known}")
    try:
        return by_name(name)
    except ValueError as error:
        raise BadConfig(f"config.{field}: {error}") from error
