"""The machine that figures come from, and how much memory they took."""

import os
import platform
import sys
from importlib import metadata
from typing import Any

import jax
from PIL import features

_PACKAGES = ("jax", "flax", "numpy", "pillow", "imagecodecs")
_LIBRARIES = ("libjpeg_turbo", "webp", "avif", "jpg_2000")


def machine() -> dict[str, Any]:
    """Device, system and the versions of what was used, for a report."""
    return {
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "hosts": jax.process_count(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
        "libraries": {
            name: version for name in _LIBRARIES if (version := features.version(name)) is not None
        },
    }


def peak_memory() -> dict[str, int]:
    """Bytes at the most since the process started, everything included: compilation, metrics, the other codecs.

    `process`: resident memory, where the system tells it. `device`: memory of an accelerator, where there is one.
    """
    peaks = {"process": _resident(), "device": _on_device()}
    return {name: peak for name, peak in peaks.items() if peak is not None}


def _resident() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def _on_device() -> int | None:
    statistics = jax.devices()[0].memory_stats() or {}
    return statistics.get("peak_bytes_in_use")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
