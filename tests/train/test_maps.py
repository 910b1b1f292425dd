"""The maps of any model, found from outside."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.layers.area import example
from hcfss_jax.models import create_model
from tests.small_model import SMALL
from tests.train import two_stages
from train.maps import chosen, transforms_of, watched

OF_STAGES = ["g_a/2", "g_a/4", "g_a/8", "g_a/16", "g_s/8", "g_s/4", "g_s/2", "g_s/1"]


def shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """Of the maps that the pass of training shows, in order."""
    x, level, keys = example(model)
    params = jax.eval_shape(model.clone(remat=False).init, jax.random.key(0), x, level, keys)
    found = {}

    def run(params):
        with watched(x, ("g_a", "g_s")) as seen:
            model.apply(params, x, level, keys)
        found.update({name: array.shape for name, array in seen.maps().items()})
        return seen.maps()  # none of them may be of an inner trace

    jax.eval_shape(run, params)
    return found


@pytest.mark.parametrize(
    ("name", "maps"),
    [
        ("tcm-tiny", OF_STAGES),
        ("s2lic-tiny", OF_STAGES),  # convolutions for its steps, and an enhancement at the picture
        (
            "weconvene-tiny",
            OF_STAGES[:3] + OF_STAGES[5:],
        ),  # a block that keeps the sides is no step
        ("twobranch-tiny", ["g_s/32", *OF_STAGES[4:]]),  # a transform within another
    ],
)
def test_the_last_map_of_each_stride_is_found_whatever_the_model(name, maps):
    model = create_model(name, **SMALL[name])
    found = shapes(model)
    assert list(found) == maps
    sides = [model.multiple // int(map_.partition("/")[2]) for map_ in maps]
    assert [shape[1:3] for shape in found.values()] == [(side, side) for side in sides]


def test_blocks_in_loops_and_computed_again_show_the_same():
    name = "feds-tiny-teacher"
    fields = {**SMALL[name], "blocks": (0, 2, 2)}
    plain = shapes(create_model(name, **fields))
    assert list(plain) == OF_STAGES
    assert shapes(create_model(name, remat=True, loops=True, **fields)) == plain


def test_they_are_what_the_layers_made():
    model = two_stages.create(two_stages.NAME)
    x = jnp.asarray(np.random.default_rng(0).random((2, 8, 16, 3), np.float32))
    level = jnp.zeros(2)
    params = model.init(jax.random.key(0), x, level, jax.random.split(jax.random.key(0)))
    with watched(x, ("g_a",)) as seen:
        model.apply(params, x, level, method="evaluate")
    bound = model.bind(params)
    first = jnp.tanh(bound.g_a.first(x))
    np.testing.assert_allclose(seen.maps()["g_a/2"], first, rtol=1e-6)
    np.testing.assert_allclose(seen.maps()["g_a/4"], bound.g_a.second(first), rtol=1e-6)
    np.testing.assert_allclose(
        seen.latents["y"], model.apply(params, x, level, method="analyse")["y"]
    )


def test_names_mean_a_map_or_all_of_a_transform():
    assert chosen(("g_a", "g_s/2"), OF_STAGES) == [*OF_STAGES[:4], "g_s/2"]
    assert transforms_of(("g_s/2", "fine.g_a", "g_s/4")) == ("g_s", "fine.g_a")
