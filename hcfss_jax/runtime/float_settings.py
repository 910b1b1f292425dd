"""Ways to compute that differ in the last digits of floats: other orders of sums, other instructions."""

import os
from collections.abc import Mapping

FLOAT_SETTINGS: dict[str, str] = {
    "as it is": "",
    "one thread": "--xla_cpu_multi_thread_eigen=false",
    "SSE4.2": "--xla_cpu_max_isa=SSE4_2",
    "no optimisation": "--xla_backend_optimization_level=0",
    "fast maths": "--xla_cpu_enable_fast_math=true",
}
"""Flags of XLA on CPUs. The instruction sets stand for older machines."""


def environment(flags: str) -> Mapping[str, str]:
    """Environment variables by which a process computes so, on the CPU."""
    both = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    return {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": both}
