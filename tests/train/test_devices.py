"""A run says what it computes on, and what it leaves idle."""

import subprocess

import jax
import pytest

from train import devices


def test_the_devices_are_told() -> None:
    told = devices.told_devices()
    assert "CPU" in told if jax.default_backend() == "cpu" else str(jax.device_count()) in told


@pytest.fixture
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setattr(devices.glob, "glob", lambda pattern: [])
    return monkeypatch


def _answers(text: str):
    return lambda command, **how: subprocess.CompletedProcess(command, 0, text)


def _is_missing(command: list[str], **how: object) -> None:
    raise FileNotFoundError(command[0])


def test_a_gpu_that_jax_does_not_use_is_a_warning(on_cpu: pytest.MonkeyPatch) -> None:
    on_cpu.setattr(devices.glob, "glob", lambda pattern: ["/dev/nvidia0", "/dev/nvidia1"])
    assert "(/dev/nvidia0), and JAX does not use it: pip install" in (devices.idle_gpu() or "")
    on_cpu.setenv("JAX_PLATFORMS", "cpu")
    assert "JAX_PLATFORMS=cpu keeps the run on the CPU" in (devices.idle_gpu() or "")


def test_without_a_device_node_nvidias_tool_is_asked(on_cpu: pytest.MonkeyPatch) -> None:
    on_cpu.setattr(devices.subprocess, "run", _answers("GPU 0: NVIDIA L4 (UUID: GPU-1)\n"))
    assert "(GPU 0: NVIDIA L4)" in (devices.idle_gpu() or "")


@pytest.mark.parametrize("run", [_is_missing, _answers("No devices were found\n"), _answers("")])
def test_without_a_gpu_there_is_no_warning(on_cpu: pytest.MonkeyPatch, run) -> None:
    on_cpu.setattr(devices.subprocess, "run", run)
    assert devices.idle_gpu() is None


def test_a_gpu_that_is_used_is_no_warning(on_cpu: pytest.MonkeyPatch) -> None:
    on_cpu.setattr(devices.glob, "glob", lambda pattern: ["/dev/nvidia0"])
    on_cpu.setattr(jax, "default_backend", lambda: "gpu")
    assert devices.idle_gpu() is None
