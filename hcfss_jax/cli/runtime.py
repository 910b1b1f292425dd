"""The codec behind the commands."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hcfss_jax.runtime.jax_settings import prepare_jax, programs_folder

if TYPE_CHECKING:
    from hcfss_jax.codec import Codec


def load_codec(
    name_or_path: str | None, factory: str | None = None, tile: int | None = None
) -> Codec:
    """The codec for a model's name or for a file of weights; None for the default. Imports JAX.

    factory: "package.module:function", which makes a model that is not ours. tile: see `Codec`.
    """
    with _lasting():
        prepare_jax()
        from hcfss_jax.codec import load
        from hcfss_jax.codec.tiles import LARGEST_TILE
        from hcfss_jax.models.contracts import factory_by_name
        from hcfss_jax.runtime import compiled_cache
        from hcfss_jax.weights import DEFAULT_WEIGHTS

        compiled_cache.keep_in(programs_folder())
        made_by = factory_by_name(factory) if factory else None
        return load(name_or_path or DEFAULT_WEIGHTS, made_by, tile or LARGEST_TILE)


@contextlib.contextmanager
def _lasting() -> Iterator[None]:
    """What is made inside stays until the process ends: the garbage collector need not look through it, then or later.

    JAX and Flax are nearly two hundred thousand objects, and searches among them took a tenth of a warm start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
