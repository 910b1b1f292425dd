"""Attention in turns."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.ops import attention
from hcfss_jax.ops.attention import attend

RNG = np.random.default_rng(0)


def map_of(*shape):
    return jnp.asarray(RNG.normal(size=shape), jnp.float32)


@pytest.mark.parametrize("seen", [None, np.array([True, True, False, True])])
def test_queries_that_take_turns_are_answered_as_all_at_once(monkeypatch, seen):
    """Values and gradients; 3 turns, of which the last is not full."""
    q, k, v = map_of(2, 10, 2, 3), map_of(2, 4, 2, 3), map_of(2, 4, 2, 3)

    def loss(q, k, v):
        y = attend(q, k, v, seen)
        return jnp.sum(y**2), y

    def found():
        return jax.jit(jax.value_and_grad(loss, (0, 1, 2), has_aux=True))(q, k, v)

    whole = found()
    monkeypatch.setattr(attention, "LARGEST_SCORES", 2 * 2 * 4 * 4)
    assert "while" in jax.jit(loss).lower(q, k, v).as_text()
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), found(), whole)
