"""What the command says when it says something other than results: one line on standard error."""

import os
import sys
from pathlib import Path

from tqdm import tqdm

from hcfss_jax.errors import HcfError
from hcfss_jax.pictures.picture_files import printable


def complain(message: str) -> None:
    """One line on standard error, clear of a progress bar."""
    tqdm.write(printable(f"hcfss: {' '.join(message.split())}"), file=sys.stderr)


def explain(error: Exception, about: str | Path | None = None) -> str:
    """What went wrong and what to do, in one line for someone who does not know the code.

    about: the file that the line already names.
    """
    if os.environ.get("HCFSS_TRACEBACK"):
        raise error
    if isinstance(error, HcfError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        elsewhere = error.filename and str(error.filename) != str(about)
        where = f" ({error.filename})" if elsewhere else ""
        return f"{error.strerror.lower()}{where}"
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return "out of memory: try a smaller image or a smaller model"
    advice = "HCFSS_TRACEBACK=1 shows where"
    if "CUDA error" in str(error):  # of what XLA compiled, and not of the picture
        advice = f"JAX_PLATFORMS=cpu does without the GPU; docs/pods.md has flags that may help; {advice}"
    return f"{type(error).__name__}: {error} ({advice})"


def is_kept(out: str, force: bool) -> bool:
    """Whether an output is there already, and is to stay; says so."""
    if Path(out).exists() and not force:
        complain(f"{out} exists already: use --force to replace it")
        return True
    return False
