"""Models of which the level only scales what was analysed: that is so, and said of no other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.layers.area import example
from tests.small_model import NAME, SMALL, photo, small_model, small_params

SAYING = [name for name in SMALL if small_model(name).level_only_scales]


def uses_level(name: str, method: str) -> bool:
    """Whether anything that a pass computes has the level as its input; the pass is traced."""
    model, (x, level, *_) = small_model(name), example(small_model(name))
    traced = jax.make_jaxpr(lambda v, x, level: model.apply(v, x, level, method=method))
    found = traced({"params": small_params(name=name)}, x, level).jaxpr
    return any(found.invars[-1] in equation.invars for equation in found.eqns)


@pytest.mark.parametrize("name", SAYING)
def test_what_is_kept_for_all_levels_is_computed_without_one(name):
    assert not uses_level(name, "unscaled")
    assert uses_level(name, "analyse")


def test_of_a_transform_with_gains_inside_it_is_not_said():
    gains_inside = [
        name for name in SMALL if name not in SAYING and hasattr(small_model(name).config, "bands")
    ]
    assert gains_inside and all(uses_level(name, "unscaled") for name in gains_inside)


@pytest.mark.parametrize("level", [0.0, 4.5])
def test_scaled_is_the_rest_of_the_analysis(level):
    model, variables = small_model(), {"params": small_params()}
    assert NAME in SAYING
    x = jnp.asarray(photo(64, 64)[None] / 255.0, jnp.float32)
    at = jnp.full(1, level, jnp.float32)
    unscaled = model.apply(variables, x, jnp.zeros(1), method="unscaled")
    found = model.apply(variables, unscaled, at, method="scaled")
    wanted = model.apply(variables, x, at, method="analyse")
    assert found.keys() == wanted.keys()
    for name, latent in found.items():
        np.testing.assert_allclose(latent, wanted[name], rtol=1e-5, atol=1e-5)
