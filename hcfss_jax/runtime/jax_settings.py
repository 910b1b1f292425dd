"""Bring JAX up for a program: quiet, and with compiled functions kept between its runs."""

import logging
import os
import sys
import warnings
from pathlib import Path


def prepare_jax() -> None:
    """Settings for the programs of this project, to be made early; what the user has set stays.

    Compiled functions are kept in the user's cache folder (`XDG_CACHE_HOME` or `~/.cache`).
    """
    # "No TPU found, falling back to CPU" and the like are no news to someone with a photo.
    # Read by XLA when it is loaded, hence before the import.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import jax

    logging.getLogger("jax").setLevel(logging.ERROR)
    # A folder that is read only or full still gives what lies in it: that nothing is added is no news each time.
    warnings.filterwarnings("ignore", "Error writing persistent compilation cache")
    # JAX by itself keeps what took a second to compile; a small model is made of quicker pieces.
    settings = {
        "jax_compilation_cache_dir": _cache_folder(),
        "jax_persistent_cache_min_compile_time_secs": 0.1,
    }
    for name, value in settings.items():
        if name.upper() not in os.environ:
            jax.config.update(name, value)
    _check_cache_folder()


def programs_folder() -> Path | None:
    """Where `hcfss_jax.programs` may keep its own: in JAX's cache folder, where that is on this machine and in use."""
    import jax

    folder = jax.config.values["jax_compilation_cache_dir"]
    if not folder or "://" in folder or not jax.config.values["jax_enable_compilation_cache"]:
        return None
    return Path(folder) / "programs"


def _cache_folder() -> str | None:
    """None without a home."""
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return str((Path(base) if base else Path.home() / ".cache") / "hcfss_jax" / "xla")
    except RuntimeError:
        return None


def _check_cache_folder() -> None:
    """Makes the folder, as JAX would with the first function; where that fails, nothing is kept, and a line says so."""
    import jax

    folder = jax.config.values["jax_compilation_cache_dir"]
    if not folder or "://" in folder:
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(
            f"compiled functions cannot be kept, and each start compiles anew: {error}",
            file=sys.stderr,
        )
        jax.config.update("jax_compilation_cache_dir", None)
