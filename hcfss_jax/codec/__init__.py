"""The codec: pictures to `.hcf` files and back, by way of a model's compiled steps."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hcfss_jax.codec.codec import MAX_PIXELS, Codec, Encoded, load

__all__ = ["MAX_PIXELS", "Codec", "Encoded", "load"]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    """Names are imported when first used: what needs tiles or sections alone does not import JAX."""
    if name not in __all__:
        raise AttributeError(f"module 'hcfss_jax.codec' has no attribute {name!r}")
    return getattr(importlib.import_module("hcfss_jax.codec.codec"), name)
