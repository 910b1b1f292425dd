"""The codec behind the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hcfss_jax.jax_settings import prepare_jax

if TYPE_CHECKING:
    from hcfss_jax.codec import Codec


def load_codec(name_or_path: str | None) -> Codec:
    """The codec for a model's name or for a file of weights; None for the default. Imports JAX."""
    prepare_jax()
    from hcfss_jax.codec import load
    from hcfss_jax.weights import DEFAULT_WEIGHTS

    return load(name_or_path or DEFAULT_WEIGHTS)
