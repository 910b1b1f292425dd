"""The devices that a run is on, in words, and one that it leaves idle."""

import glob
import os
import subprocess
from collections import Counter

import jax


def told_devices() -> str:
    """Such as "8 NVIDIA H100, 2 hosts", or "the CPU, 16 cores"."""
    kinds = Counter(device.device_kind for device in jax.devices())
    if jax.default_backend() == "cpu" and jax.device_count() == 1:
        told = f"the CPU, {os.cpu_count()} cores"
    else:
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    hosts = jax.process_count()
    return told + (f", {hosts} hosts" if hosts > 1 else "")


def idle_gpu() -> str | None:
    """A warning where this machine has an NVIDIA GPU and JAX computes on CPUs."""
    if jax.default_backend() != "cpu" or not (gpu := _find_gpu()):
        return None
    if "cpu" in (chosen := os.environ.get("JAX_PLATFORMS", "")):
        return (
            f"warning: there is a GPU ({gpu}), and JAX_PLATFORMS={chosen} keeps the run on the CPU"
        )
    return (
        f"warning: there is a GPU ({gpu}), and JAX does not use it: "
        "pip install -U 'jax[cuda12]' is likely to change that, and the run is much faster then"
    )


def _find_gpu() -> str | None:
    """Its device node; where there is none, as under Windows, what NVIDIA's tool says."""
    if nodes := sorted(glob.glob("/dev/nvidia[0-9]*")):
        return nodes[0]
    try:
        done = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, errors="replace", timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.splitlines()
    return lines[0].partition(" (")[0] if lines and lines[0].startswith("GPU ") else None
