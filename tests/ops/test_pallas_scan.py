"""What is particular to the scan's GPU kernel: blocks of channels, segments, launches, and that it lowers for a GPU.

Interpreted where there is no GPU. Every case compiles anew, so they are few; that the kernel equals its twin whichever
way it walks is asked in test_selective_scan.py.
"""

import contextlib
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.ops import reference, selective_scan

pallas_scan = pytest.importorskip("hcfss_jax.ops.pallas_scan", exc_type=ImportError)

kernel = functools.partial(selective_scan, implementation="pallas")


def scan_inputs(steps, groups, lines, channels, states, dtype=jnp.float32) -> list[jax.Array]:
    rng = np.random.default_rng(0)
    dt = np.exp(rng.uniform(-5, 0, (steps, groups, lines, channels)))
    u, b, c = (rng.normal(size=(steps, groups, lines, k)) for k in (channels, states, states))
    a, d = -np.exp(rng.uniform(-1, 1, (states, channels))), rng.normal(size=channels)
    return [*(jnp.asarray(x, dtype) for x in (u, dt)), jnp.asarray(a, jnp.float32),
            *(jnp.asarray(x, dtype) for x in (b, c)), jnp.asarray(d, jnp.float32)]  # fmt: skip


def in_float64(inputs) -> list[np.ndarray]:
    return [np.asarray(x, np.float64) for x in inputs]


def gradients(weight, **how):
    """Of all inputs, as a function of them."""
    return jax.grad(lambda *inputs: jnp.sum(kernel(*inputs, **how) * weight), argnums=range(6))


def relative_error(found, wanted) -> float:
    found = np.asarray(found, np.float64)
    return float(np.max(np.abs(found - wanted)) / np.max(np.abs(wanted)))


@pytest.mark.parametrize("states, dtype, bound", [(16, jnp.float32, 1e-5), (1, jnp.bfloat16, 1e-2)])
def test_gradients_of_several_ragged_blocks_of_channels_are_right_and_repeat_bit_for_bit(
    states, dtype, bound
):
    inputs = scan_inputs(5, 2, 3, 37, states, dtype)
    weight = np.random.default_rng(1).normal(size=inputs[0].shape)
    run = jax.jit(gradients(weight, shift=1, chunk=2))
    found, again = run(*inputs), run(*inputs)
    wanted = reference.selective_scan_gradients(*in_float64(inputs), weight, shift=1)
    for x, gradient, once_more, right in zip(inputs, found, again, wanted, strict=True):
        assert gradient.dtype == x.dtype
        assert relative_error(gradient, right) < bound
        np.testing.assert_array_equal(gradient, once_more)


@pytest.mark.parametrize("shift, reverse", [(0, True), (-1, False)])
def test_few_lines_of_many_steps_are_walked_in_segments(shift, reverse, monkeypatch):
    """Whose borders fall into chunks' (23 steps are 8 chunks of 3) and into lines that have just entered."""
    monkeypatch.setattr(pallas_scan, "SEGMENT_STEPS", 6)
    inputs = scan_inputs(23, 1, 4, 2, 3)
    run = jax.jit(functools.partial(kernel, shift=shift, reverse=reverse, chunk=3))
    twin = reference.selective_scan(*in_float64(inputs), shift=shift, reverse=reverse)
    assert launches(run, *inputs) == 2
    assert relative_error(run(*inputs), twin) < 1e-5


def test_directions_with_their_own_weights_are_one_launch():
    directions = [scan_inputs(5, 2, 3, 4, 2), [x + 0.1 for x in scan_inputs(5, 2, 3, 4, 2)]]
    run = jax.jit(jax.vmap(functools.partial(kernel, shift=1, chunk=2)))
    together = [jnp.stack(x) for x in zip(*directions, strict=True)]
    assert launches(run, *together) == 1
    for y, inputs in zip(run(*together), directions, strict=True):
        twin = reference.selective_scan(*in_float64(inputs), shift=1)
        assert relative_error(y, twin) < 1e-5


@pytest.mark.parametrize("states, dtype", [(1, jnp.bfloat16), (3, jnp.float32), (16, jnp.float32)])
def test_it_lowers_for_cuda_on_any_machine(states, dtype):
    inputs = scan_inputs(13, 2, 6, 37, states, dtype)
    assert launches(functools.partial(kernel, shift=-1), *inputs) == 1
    assert launches(gradients(1.0, shift=-1), *inputs) == 2


def launches(function, *inputs) -> int:
    """Kernels of a function compiled for an NVIDIA GPU."""
    with a_gpu():
        lowered = jax.jit(function).trace(*inputs).lower(lowering_platforms=("cuda",))
    return lowered.as_text().count("custom_call @__gpu$xla.gpu.triton")


def a_gpu():
    """From JAX 0.11 on, lowering through Triton asks which GPU it is for."""
    try:
        from jax.sharding import AbstractDevice, AbstractMesh, use_abstract_mesh
    except ImportError:
        return contextlib.nullcontext()
    device = AbstractDevice(device_kind="NVIDIA H200", num_cores=None, platform="gpu")
    return use_abstract_mesh(AbstractMesh((), (), abstract_device=device))
