"""The codec behind the commands."""

from typing import Any

from hcfss_jax.jax_settings import prepare_jax

DEFAULT_MODEL = "hcfssnet-tiny"


def load_codec(name_or_path: str) -> Any:
    """The codec for a model's name or for a file of weights. Imports JAX."""
    prepare_jax()
    import hcfss_jax

    return hcfss_jax.load(name_or_path)
