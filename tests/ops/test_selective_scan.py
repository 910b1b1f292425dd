"""Every form of the selective scan against the float64 loop, values and gradients."""

import functools
import importlib
import itertools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.layers import SS2D
from hcfss_jax.ops import reference, selective_scan
from hcfss_jax.ops.scan_lines import ORDERS, Line, Walk, lines_of

SHAPE = {"steps": 13, "groups": 2, "lines": 6, "channels": 3, "states": 4}


def scan_inputs(slowest: float = 1e-6, fastest: float = 1e3, seed: int = 0) -> list[np.ndarray]:
    """u, dt, a, b, c, d with decay rates dt * a that span [slowest, fastest]."""
    rng = np.random.default_rng(seed)
    s, g, p, c, n = SHAPE.values()
    dt = np.exp(rng.uniform(np.log(slowest), np.log(fastest), (s, g, p, c)))
    a = -np.exp(rng.uniform(-1, 1, (n, c)))
    u, b, cc = (rng.normal(size=(s, g, p, k)) for k in (c, n, n))
    return [u, dt, a, b / dt.mean(-1, keepdims=True), cc, rng.normal(size=c)]


@functools.partial(jax.jit, static_argnames=("shift", "reverse", "implementation", "chunk"))
def value_and_gradients(inputs, weight, **how):
    def loss(*inputs):
        y = selective_scan(*inputs, **how)
        return jnp.sum(y * weight), y

    gradients, y = jax.grad(loss, argnums=tuple(range(6)), has_aux=True)(*inputs)
    return y, gradients


def gradients_by_differences(inputs, weight, index, position, **how):
    """One derivative of the twin, by central differences in float64."""
    step = 1e-6 * max(1.0, abs(inputs[index][position]))
    values = []
    for sign in (1, -1):
        moved = [x.copy() for x in inputs]
        moved[index][position] += sign * step
        values.append(np.sum(weight * reference.selective_scan(*moved, **how)))
    return (values[0] - values[1]) / (2 * step)


def relative_error(found, wanted) -> float:
    return float(np.max(np.abs(np.asarray(found) - wanted)) / np.max(np.abs(wanted)))


EVERY_WAY = [
    *itertools.product(["associative", "sequential"], [0, 1, -1], [False, True], [None, 4])
]
# Interpreting the kernel takes seconds a case, and it unrolls its chunks.
KERNEL = [("pallas", 0, False, 2), ("pallas", 1, True, 4), ("pallas", -1, False, 2)]


@pytest.mark.parametrize("implementation, shift, reverse, chunk", [*EVERY_WAY, *KERNEL])
def test_scan_equals_the_float64_twin_at_decays_from_1e_minus_6_to_1e3(
    implementation, shift, reverse, chunk
):
    if implementation == "pallas":
        pytest.importorskip("hcfss_jax.ops.pallas_scan", exc_type=ImportError)
    inputs = scan_inputs()
    weight = np.random.default_rng(1).normal(size=inputs[0].shape)
    as_float32 = [jnp.asarray(x, jnp.float32) for x in inputs]
    inputs = [np.asarray(x, np.float64) for x in as_float32]  # the twin sees the same numbers
    y, gradients = value_and_gradients(
        as_float32, weight, shift=shift, reverse=reverse, implementation=implementation, chunk=chunk
    )
    twin = reference.selective_scan(*inputs, shift=shift, reverse=reverse)
    assert relative_error(y, twin) < 1e-5
    wanted = reference.selective_scan_gradients(*inputs, weight, shift=shift, reverse=reverse)
    for name, found, right in zip(["u", "dt", "a", "b", "c", "d"], gradients, wanted, strict=True):
        assert np.all(np.isfinite(found)), name
        assert relative_error(found, right) < 1e-5, name


@pytest.mark.parametrize("shift, reverse", [(0, False), (1, True)])
def test_gradients_of_the_twin_are_its_differences(shift, reverse):
    inputs = scan_inputs(0.1, 2.0)
    weight = np.random.default_rng(1).normal(size=inputs[0].shape)
    how = {"shift": shift, "reverse": reverse}
    gradients = reference.selective_scan_gradients(*inputs, weight, **how)
    rng = np.random.default_rng(2)
    for index, gradient in enumerate(gradients):
        position = tuple(rng.integers(n) for n in gradient.shape)
        slope = gradients_by_differences(inputs, weight, index, position, **how)
        assert slope == pytest.approx(gradient[position], rel=1e-6, abs=1e-7)


def test_a_step_of_zero_leaves_the_state_alone():
    u, dt, a, b, c, _ = scan_inputs(0.1, 1.0)
    dt[5:8] = 0
    y = selective_scan(*(jnp.asarray(x, jnp.float32) for x in (u, dt, a, b, c)))
    kept = np.delete(np.arange(len(u)), slice(5, 8))
    without = selective_scan(*(jnp.asarray(x, jnp.float32) for x in (u[kept], dt[kept])), a,
                             *(jnp.asarray(x[kept], jnp.float32) for x in (b, c)))  # fmt: skip
    np.testing.assert_allclose(y[kept], without, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("implementation", ["associative", "sequential"])
def test_bfloat16_inputs_keep_a_float32_state(implementation):
    inputs = scan_inputs(1e-3, 1.0)
    weight = np.random.default_rng(1).normal(size=inputs[0].shape)
    rounded = [jnp.asarray(x, jnp.bfloat16) for x in inputs]
    exact = [np.asarray(x, np.float64) for x in rounded]
    y, gradients = value_and_gradients(rounded, weight, implementation=implementation)
    assert y.dtype == jnp.bfloat16
    # Their own rounding, of the results once and of the gradients once on the way.
    assert relative_error(y.astype(jnp.float32), reference.selective_scan(*exact)) < 2**-8
    wanted = reference.selective_scan_gradients(*exact, weight)
    for found, right in zip(gradients, wanted, strict=True):
        assert relative_error(found.astype(jnp.float32), right) < 1e-2


def gradient_program(platform: str, chunk: int | None) -> str:
    inputs = [jnp.asarray(x, jnp.float32) for x in scan_inputs()]
    gradient = jax.jit(jax.grad(lambda *inputs: jnp.sum(selective_scan(*inputs, chunk=chunk))))
    return gradient.trace(*inputs).lower(lowering_platforms=(platform,)).as_text()


@pytest.mark.parametrize("platform, loops", [("cpu", True), ("tpu", True), ("cuda", False)])
def test_the_implementation_is_that_of_the_platform_compiled_for(platform, loops):
    """Which may be another than the one that compiles: a pod's program is made on a CPU."""
    assert ("stablehlo.while" in gradient_program(platform, chunk=None)) == loops


def test_wide_steps_are_taken_one_at_a_time_everywhere(monkeypatch):
    monkeypatch.setattr(importlib.import_module("hcfss_jax.ops.selective_scan"), "WIDE", 100)
    assert gradient_program("cuda", chunk=None) == gradient_program("cpu", chunk=None)


def test_gradients_are_the_same_from_run_to_run():
    inputs = [jnp.asarray(x, jnp.float32) for x in scan_inputs()]
    for implementation in ("associative", "sequential"):
        how = {"shift": 1, "reverse": True, "implementation": implementation, "chunk": 4}
        first, second = (value_and_gradients(inputs, 1.0, **how)[1] for _ in range(2))
        jax.tree.map(np.testing.assert_array_equal, first, second)


def test_where_jax_lacks_what_the_kernel_stands_on_it_is_refused_and_the_way_out_named(monkeypatch):
    monkeypatch.setitem(
        sys.modules, "hcfss_jax.ops.pallas_scan", None
    )  # as if it could not be imported
    with pytest.raises(NotImplementedError, match="choose 'associative'"):
        selective_scan(*map(jnp.asarray, scan_inputs()), implementation="pallas")


def test_an_unknown_implementation_is_refused_by_name():
    with pytest.raises(ValueError, match="'fastest'"):
        selective_scan(*scan_inputs(), implementation="fastest")


@pytest.mark.parametrize("height, width", [(5, 7), (6, 4), (1, 3)])
@pytest.mark.parametrize("scan_lines", ORDERS)
def test_unfolding_an_image_along_any_line_can_be_undone(height, width, scan_lines):
    x = np.arange(2 * height * width * 3, dtype=np.float32).reshape(2, height, width, 3)
    for line in ORDERS[scan_lines]:
        back = line.layout.fold(line.layout.unfold(x), height, width)
        np.testing.assert_array_equal(back, x)


def impulse_response(line: Line, height=5, width=6, at=(2, 3)) -> np.ndarray:
    """Which pixels a pixel reaches through a scan that forgets nothing: boolean `[H, W]`."""
    x = np.zeros((1, height, width, 1), np.float32)
    x[0, at[0], at[1]] = 1
    u = line.layout.unfold(x)
    one = jnp.ones_like(u)
    y = selective_scan(u, one, jnp.full((1, 1), -1e-9), one, one,
                       shift=line.shift, reverse=line.reverse)  # fmt: skip
    return np.asarray(line.layout.fold(y, height, width))[0, :, :, 0] > 0.5


STEPS = {"rows": (0, 1), "columns": (1, 0), "diagonals": (1, 1), "antidiagonals": (1, -1)}


@pytest.mark.parametrize("line", ORDERS["neighborhood"], ids=str)
def test_in_a_neighbourhood_scan_a_pixel_reaches_the_rest_of_its_own_line(line):
    down, right = (-n if line.reverse else n for n in STEPS[line.axis])
    expected = np.zeros((5, 6), bool)
    i, j = 2, 3
    while 0 <= i < 5 and 0 <= j < 6:
        expected[i, j] = True
        i, j = i + down, j + right
    np.testing.assert_array_equal(impulse_response(line), expected)


@pytest.mark.parametrize("number", range(4))
def test_in_a_raster_scan_a_pixel_reaches_all_that_comes_after_it(number):
    line = ORDERS["raster"][number]
    order = np.arange(30).reshape(6, 5).T if number % 2 else np.arange(30).reshape(5, 6)
    after = order <= order[2, 3] if number > 1 else order >= order[2, 3]
    np.testing.assert_array_equal(impulse_response(line), after)


def test_the_eight_lines_of_a_pixel_touch_exactly_its_neighbours():
    reached = sum(impulse_response(line).astype(int) for line in ORDERS["neighborhood"])
    np.testing.assert_array_equal(reached[1:4, 2:5] > 0, True)
    assert reached[2, 3] == 8


def test_raster_diagonals_wrap_around_as_in_rs_mamba():
    positions = np.arange(12, dtype=np.float32).reshape(1, 3, 4, 1)
    walked = np.asarray(ORDERS["raster"][4].layout.unfold(positions)).ravel()
    np.testing.assert_array_equal(walked[:6], [0, 5, 10, 1, 6, 11])


def test_an_order_has_as_many_directions_as_lines():
    assert len(lines_of("neighborhood", 3)) == 3
    for directions in (0, 9):
        with pytest.raises(ValueError, match=f"directions={directions}"):
            lines_of("neighborhood", directions)


@pytest.mark.parametrize("number", [1, 4, 6])
def test_gradients_through_a_raster_order_are_those_of_a_permutation(number):
    layout = ORDERS["raster"][number].layout
    weight = jnp.arange(24.0).reshape(12, 1, 1, 2)
    gradient = jax.grad(lambda x: jnp.sum(layout.unfold(x) * weight))(jnp.zeros((1, 3, 4, 2)))
    np.testing.assert_array_equal(gradient, layout.fold(weight, 3, 4))


def snake(height, width):
    """Row by row, every other one backwards: an order that nobody has built in, walked one way."""
    rows = np.arange(height * width).reshape(height, width)
    rows[1::2] = rows[1::2, ::-1]
    return rows.ravel()


def test_an_order_of_one_s_own_is_one_entry(monkeypatch):
    monkeypatch.setitem(ORDERS, "snake", (Walk(snake),))
    layer, x = SS2D(2, 1, "snake"), np.random.default_rng(0).normal(size=(1, 4, 4, 8))
    x = jnp.asarray(x, jnp.float32)
    variables = layer.init(jax.random.key(0), x)
    assert variables["params"]["a_log"].shape[0] == 1
    changed = layer.apply(variables, x.at[0, 1, 3].add(1.0)) - layer.apply(variables, x)
    touched = np.any(changed[0] != 0, axis=-1)
    # What the depthwise 3x3 sees, and all that the walk meets after the first of it.
    np.testing.assert_array_equal(touched, [[0, 0, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]])
