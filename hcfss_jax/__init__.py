"""Learned image compression for JAX: HCFSSNet, from a photo to a file and back.

    codec = hcfss_jax.load("hcfssnet-tiny")
    data = codec.compress("photo.png", quality=4)
    image = codec.decompress(data)

Layers, operations and models import alone: `hcfss_jax.layers`, `hcfss_jax.ops`, `hcfss_jax.models`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hcfss_jax.codec import Codec, Encoded, load
    from hcfss_jax.errors import HcfError

__version__ = "0.1.0.dev0"

__all__ = ["Codec", "Encoded", "HcfError", "load"]

_HOMES = {
    "Codec": "hcfss_jax.codec",
    "Encoded": "hcfss_jax.codec",
    "HcfError": "hcfss_jax.errors",
    "load": "hcfss_jax.codec",
}


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    """Names are imported when first used: `import hcfss_jax` costs no JAX."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hcfss_jax' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
