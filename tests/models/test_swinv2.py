"""What is the enhanced residual SwinV2 codec's own: one checkerboard over all channels; its start and its rates."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.entropy.plan import only_on
from hcfss_jax.layers.drop_path import branch_factors
from hcfss_jax.models import create_model
from tests.small_model import SMALL, photo, small_model, small_params

NAME = "swinv2-tiny"
LEVEL = jnp.zeros(1)
X = jnp.asarray(photo(64, 64)[None] / 255.0, jnp.float32)
KEYS = jax.random.split(jax.random.key(0), 1)


def test_all_channels_are_coded_in_two_steps_the_second_seeing_the_first():
    model = small_model(NAME)
    _, first, second = model.plan
    assert (first.channels, second.channels) == (8, 8)
    assert (first.lattice, second.lattice) == ("even", "odd")
    bound = model.bind({"params": small_params(0, NAME)})
    rng = np.random.default_rng(0)
    hyper, y = (jnp.asarray(rng.normal(size=(1, 4, 6, 8)), jnp.float32) for _ in range(2))

    @jax.jit
    def code(y):
        known = ((hyper,),)
        features = bound.predict(1, LEVEL, known).features
        known += (bound.refine(1, LEVEL, known, features, only_on("even", y)),)
        prediction = bound.predict(2, LEVEL, known)
        whole = bound.refine(2, LEVEL, known, prediction.features, only_on("odd", y))
        return prediction.distribution, whole

    there, whole = code(y)
    np.testing.assert_array_equal(whole, y)
    moved, _ = code(y.at[0, 2, 2].add(1.0))
    unlike = np.any(moved.mean != there.mean, axis=-1)[0]
    near = np.abs(np.indices((4, 6)) - np.array([2, 2])[:, None, None]).max(0) <= 2
    np.testing.assert_array_equal(unlike, near & (np.indices((4, 6)).sum(0) % 2 == 1))


def test_it_starts_as_an_orthonormal_transform_and_its_inverse():
    every = {"widths": (12, 48, 192), "slices": (768,), "blocks": (1, 0, 1), "mlp_ratio": 1}
    model = create_model(NAME, **SMALL[NAME] | every)

    def there_and_back(model, x, level):
        y = model.g_a(x, level)
        return y, model.g_s(y, level)

    run = jax.jit(functools.partial(model.init_with_output, method=there_and_back))
    x = X[:, :32, :32]
    (y, x_hat), _ = run(jax.random.key(0), x, LEVEL)
    np.testing.assert_allclose(np.sum(y**2), np.sum(x**2), rtol=1e-4)
    np.testing.assert_allclose(x_hat, x, atol=1e-5)


def test_stochastic_depth_rises_through_g_a_and_h_a_and_through_h_s_and_g_s(monkeypatch):
    asked = {}

    def record(rates, place):
        asked[place] = rates
        return branch_factors(rates, place)

    monkeypatch.setattr("hcfss_jax.layers.residual_group.branch_factors", record)
    model = create_model("swinv2-base")
    jax.eval_shape(model.init, jax.random.key(0), X, LEVEL, KEYS)
    rise = np.linspace(0, 0.2, 10)
    hyper = ("group1", "group2")
    for places in (
        [*(f"g_a/group{i}" for i in (1, 2, 3)), *(f"h_a/{group}" for group in hyper)],
        [*(f"h_s/{group}" for group in hyper), *(f"g_s/group{i}" for i in (3, 2, 1))],
    ):
        np.testing.assert_allclose(np.concatenate([asked[place] for place in places]), rise)
