"""ELIC's context: what a slice is told, and that a model of another paper takes it as it is."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.entropy.plan import CHECKERBOARD
from hcfss_jax.entropy.space_channel import Anchors, ChannelContextSlices, SpaceChannelSlices
from hcfss_jax.models.tcm import TCM
from tests.small_model import photo, small_model

SIZES = {"slices": (2, 2, 4, 6), "told_hidden": (8, 6), "hidden": (8, 8)}
RNG = np.random.default_rng(0)
HYPER = tuple(jnp.asarray(RNG.normal(size=(1, 4, 6, 3)), jnp.float32) for _ in range(2))
BEFORE = [jnp.asarray(RNG.normal(size=(1, 4, 6, n)), jnp.float32) for n in SIZES["slices"][:3]]


@pytest.mark.parametrize("seen", ["all", "first and last"])
def test_a_slice_is_told_of_those_that_it_is_to_see(seen):
    context = ChannelContextSlices(**SIZES, seen=seen)

    @jax.jit
    def mean(decoded):
        run = functools.partial(context.init_with_output, jax.random.key(0), method="predict")
        return run(3, HYPER, decoded)[0].distribution.mean

    told = []
    for number in range(3):
        changed = [x + (i == number) for i, x in enumerate(BEFORE)]
        told.append(bool(np.any(mean(changed) != mean(BEFORE))))
    assert told == ([True] * 3 if seen == "all" else [True, False, True])


def test_the_anchors_around_say_more_of_the_other_colour_and_the_slice_is_the_sum_of_both():
    context = SpaceChannelSlices(**SIZES)
    anchors = Anchors(BEFORE[1], ())
    run = jax.jit(
        lambda values: context.init_with_output(
            jax.random.key(0), 1, HYPER, (Anchors(values, ()),), method="predict"
        )[0]
    )
    moved = run(anchors.values.at[0, 2, 2].add(1.0)).distribution.mean
    unlike = np.any(moved != run(anchors.values).distribution.mean, axis=-1)[0]
    # What is seen of the anchor at (2, 2): the other colour, up to two positions away.
    rows, columns = np.indices(unlike.shape)
    near = (np.abs(rows - 2) <= 2) & (np.abs(columns - 2) <= 2) & ((rows + columns) % 2 == 1)
    np.testing.assert_array_equal(unlike, near)
    np.testing.assert_array_equal(context.refine(1, anchors, 2 * BEFORE[1]), 3 * BEFORE[1])


class TCMWithSpaceChannelContext(TCM):
    """What it takes to give a model ELIC's context."""

    passes = CHECKERBOARD

    def context(self) -> SpaceChannelSlices:
        return SpaceChannelSlices(self.config.slices, (8, 8), (8, 8))


def test_another_model_takes_it_for_its_own_context():
    model = TCMWithSpaceChannelContext(small_model("tcm-tiny").config)
    x, level = jnp.asarray(photo(64, 128)[None] / 255.0, jnp.float32), jnp.zeros(1)
    run = functools.partial(model.init_with_output, jax.random.key(0), method="evaluate")
    out, variables = jax.jit(run)(x, level)
    assert out.x_hat.shape == x.shape and np.all(out.bits["y"] > 0)
    assert len(model.plan) == 1 + 2 * len(model.config.slices)
    names = variables["params"]["slices"]
    assert {name.rpartition("_")[0] for name in names} == {
        "told_net",
        "anchor_conv",
        "parameter_net",
    }
