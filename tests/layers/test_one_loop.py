"""Modules in one loop compute what they compute one by one, forward and backward, with the parameters of before."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.layers.convolution import conv
from hcfss_jax.layers.one_loop import each, equal_modules_in_loops, in_turn

X = jax.random.normal(jax.random.key(0), (2, 8, 8, 4))


class Stage(nn.Module):
    """Two convolutions in turn, then two side by side; `odd` is another kernel of the last."""

    odd: int = 3

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = in_turn([conv(4, name=f"block{i}") for i in range(2)], x)
        sides = each(
            [conv(4, kernel, name=f"side{kernel}{i}") for i, kernel in enumerate((3, self.odd))],
            [x, nn.gelu(x)],
        )
        return sum(sides, start=x)


def value_and_gradients(model: nn.Module, params, looped: bool):
    def loss(params, x):
        if not looped:
            return jnp.sum(jnp.sin(model.apply(params, x)))
        with equal_modules_in_loops():
            return jnp.sum(jnp.sin(model.apply(params, x)))

    program = jax.jit(jax.value_and_grad(loss, argnums=(0, 1))).trace(params, X)
    return str(program.jaxpr).count("scan["), program.lower().compile()(params, X)


@pytest.mark.parametrize("odd, loops", [(3, 2), (1, 1)])
def test_equal_modules_share_a_loop_and_change_no_value(odd, loops):
    model = Stage(odd)
    with equal_modules_in_loops():
        params = model.init(jax.random.key(1), X)
    none, wanted = value_and_gradients(model, params, looped=False)
    forward_and_backward, found = value_and_gradients(model, params, looped=True)
    assert none == 0 and forward_and_backward == 2 * loops
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), found, wanted)
