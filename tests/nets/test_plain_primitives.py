"""A function opened into plain primitives is the same function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxpr_as_fun

from hcfss_jax.nets.plain_primitives import plain, used_inputs
from hcfss_jax.ops.line_scans import scan_all_lines

FIVE = jax.ShapeDtypeStruct((5,), jnp.float32)


def names(program) -> list[str]:
    return [operation.primitive.name for operation in program.jaxpr.eqns]


def test_calls_and_rules_of_gradients_are_opened():
    def function(x):
        return [jax.checkpoint(jax.jit(jax.nn.silu))(x), jax.nn.relu(x)]

    program = plain(function, FIVE)
    assert not {*names(program)} & {"jit", "pjit", "checkpoint", "remat2", "custom_jvp_call"}
    x = np.linspace(-2, 2, 5, dtype=np.float32)
    for found, wanted in zip(jaxpr_as_fun(program)(x), function(x), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_scans_along_all_lines_are_the_same_without_a_choice_of_platform():
    rng = np.random.default_rng(0)
    shapes = {
        "x_proj": (8, 4, 5),
        "dt_proj": (8, 1, 4),
        "dt_bias": (8, 4),
        "a_log": (8, 2, 4),
        "d": (8, 4),
    }
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    u = rng.normal(size=(1, 6, 9, 4)).astype(np.float32)

    def function(u):
        return [scan_all_lines(u, weights, "neighborhood")]

    program = plain(function, jax.ShapeDtypeStruct(u.shape, u.dtype))
    assert "platform_index" not in str(program) and "scan" in names(program)
    (found,) = jaxpr_as_fun(program)(u)
    np.testing.assert_allclose(found, function(u)[0], rtol=1e-5, atol=1e-5)


def test_the_same_is_computed_once_constants_not_at_all_and_idle_work_neither():
    def function(x):
        jnp.cos(x)
        return [jnp.sin(x) * jnp.arange(5.0) + jnp.sin(x) * jnp.exp(jnp.arange(5.0))]

    assert sorted(names(plain(function, FIVE))) == ["add", "mul", "mul", "sin"]


@pytest.mark.parametrize("wanted", [(True, False), (False, True), (True, True)])
def test_used_inputs_are_those_that_an_output_follows_from(wanted):
    def function(x, y, z):
        return [x + 1, y * 2 + 0 * x]

    program = plain(function, FIVE, FIVE, FIVE)
    assert used_inputs(program, wanted) == [True, wanted[1], False]
