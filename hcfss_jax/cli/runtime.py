"""Bring JAX up for a command line: quiet, and with compiled programs kept between calls."""

import logging
import os
from pathlib import Path
from typing import Any

DEFAULT_MODEL = "hcfssnet-tiny"


def load_codec(name_or_path: str) -> Any:
    """The codec for a model's name or for a file of weights. Imports JAX."""
    prepare_jax()
    import hcfss_jax

    return hcfss_jax.load(name_or_path)


def prepare_jax() -> None:
    """Settings that JAX reads when it is imported; what the user has set stays."""
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_cache_folder()))
    # JAX keeps what took a second to compile; a small model is made of quicker pieces.
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
    # "No TPU found, falling back to CPU" and the like are no news to someone with a photo.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("jax").setLevel(logging.ERROR)


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "hcfss_jax" / "xla"
