"""Where a run's figures come from: the code, the packages and the devices of each of its starts."""

import json
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

from hcfss_jax.runtime.whole_file import write_whole
from train.growing_file import growing_file

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy", "pillow")


def record_start(workdir: Path, step: int, command: str) -> str | None:
    """Add a line to starts.jsonl, and keep what differs from the commit as uncommitted-STEP.patch.

    Returns a warning where that cannot be written.
    """
    difference = _git("diff", "HEAD")
    start = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "step": step,
        "command": command,
        "commit": _git("rev-parse", "HEAD").strip() or None,
        "uncommitted": bool(difference),
        "packages": package_versions(),
        "python": platform.python_version(),
        **_devices(),
    }
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        starts = growing_file(workdir / "starts.jsonl")
        starts.append((json.dumps(start) + "\n").encode())
        starts.flush()
        if difference:
            write_whole(workdir / f"uncommitted-{step}.patch", difference.encode())
    except OSError as error:
        return (
            f"warning: where this run comes from cannot be written into {workdir} "
            f"({error.strerror or error}): is the disk full? The run goes on."
        )
    return None


def package_versions() -> dict[str, str | None]:
    """Of the packages that a run computes and reads with; None for one that is not there."""
    return {name: _version(name) for name in _PACKAGES}


def _devices() -> dict[str, Any]:
    return {
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "hosts": jax.process_count(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git(*arguments: str) -> str:
    """What git prints of the checkout; nothing where it is none."""
    command = ["git", "-C", str(_ROOT), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout
