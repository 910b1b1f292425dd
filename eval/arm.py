"""64-bit ARM as a setting of `eval.noise`, by emulation: its floats differ from those of x86 in dot products, means,
softmax and square roots. `eval/arm_setup.sh FOLDER` makes what is needed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_SOURCES = Path(__file__).parents[1]


class Setting(NamedTuple):
    """A way to run Python: the command, and environment variables."""

    python: Sequence[str]
    environment: Mapping[str, str]


def arm_setting(folder: Path) -> Setting | None:
    """Python on emulated ARM; None where the folder has none, or half of one."""
    folder = folder.resolve()
    emulator = folder / "qemu/usr/bin/qemu-aarch64-static"
    python, packages = folder / "root/usr/bin/python3.11", folder / "site"
    if not (folder / "complete").exists():
        return None
    environment = {
        "PYTHONPATH": f"{_SOURCES}:{packages}",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "",
        # Programs of the two processors must not meet, wherever the caller keeps its own.
        "XDG_CACHE_HOME": str(folder / "cache"),
        "JAX_COMPILATION_CACHE_DIR": str(folder / "cache/hcfss_jax/xla"),
    }
    return Setting([str(emulator), "-L", str(folder / "root"), str(python)], environment)
