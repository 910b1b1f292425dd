"""The parameters that training starts from."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.train.stand_in import NAME, create_stand_in
from train.initial import initial_params, initial_shapes


def test_they_are_those_of_the_model_without_running_it():
    model = create_stand_in(NAME)
    params = initial_params(model, seed=3)
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), params)
    assert shapes == initial_shapes(model)
    x, level = jnp.zeros((1, 64, 64, 3)), jnp.zeros(1)
    key = jax.random.key(3, impl="unsafe_rbg")
    wanted = jax.jit(model.init)({"params": key}, x, level, jax.random.key(3)[None])["params"]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), params, wanted)


def test_they_are_drawn_elsewhere_where_jax_may_use_no_cpu(monkeypatch):
    def refuse(*, backend):
        raise RuntimeError(f"Unknown backend {backend}")

    monkeypatch.setattr(jax, "local_devices", refuse)
    assert "gain" in initial_params(create_stand_in(NAME), seed=0)
