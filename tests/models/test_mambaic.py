"""MambaIC's stochastic depth in the pass of training: by an image's own key, in loops too, and nowhere else."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.layers.drop_path import branch_factors
from hcfss_jax.models import create_model, mambaic
from tests.small_model import SMALL, photo, small_model, small_params

NAME = "mambaic-tiny"
FIELDS = SMALL[NAME] | {"blocks": (0, 0, 2), "drop_path": 0.5}
IMAGES = jnp.asarray(np.stack([photo(64, 64, seed) for seed in range(3)]) / 255.0, jnp.float32)
LEVELS, KEYS = jnp.arange(3.0), jax.random.split(jax.random.key(0), 3)


@functools.cache
def params():
    shapes = jax.eval_shape(create_model(NAME, **FIELDS).init, KEYS[0], IMAGES, LEVELS, KEYS)
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: 0.2 * rng.normal(size=leaf.shape), shapes)


@functools.cache
def training(**how):
    return jax.jit(create_model(NAME, **FIELDS, **how).apply)


def test_an_image_s_way_through_the_blocks_follows_from_its_key_alone():
    order = jnp.asarray([2, 0, 1])
    whole = training()(params(), IMAGES, LEVELS, KEYS)
    mixed = training()(params(), IMAGES[order], LEVELS[order], KEYS[order])
    for found, wanted in zip(*map(jax.tree.leaves, (mixed, whole)), strict=True):
        np.testing.assert_allclose(found, wanted[order], rtol=1e-4, atol=1e-4)
    # Noise is in the bits alone: what moves the picture is another way through the blocks.
    others = jax.random.split(jax.random.key(1), 3)
    other = training()(params(), IMAGES, LEVELS, others)
    apart = np.max(np.abs(other.x_hat - whole.x_hat), axis=(1, 2, 3))
    assert np.all(apart > 0.01)


def test_blocks_in_loops_are_gone_past_as_one_by_one():
    whole, looped = (
        training(**how)(params(), IMAGES, LEVELS, KEYS) for how in ({}, {"loops": True})
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), looped, whole)


def test_rates_rise_through_g_a_and_h_a_and_through_h_s_and_g_s(monkeypatch):
    """As in the authors' code: 15 blocks each way; the two h_s alike; 10 blocks in the context nets."""
    asked = {}

    def record(rates, place):
        asked[place] = rates
        return branch_factors(rates, place)

    monkeypatch.setattr(mambaic, "branch_factors", record)
    monkeypatch.setattr("hcfss_jax.entropy.checkerboard.branch_factors", record)
    model = create_model("mambaic-base")
    jax.eval_shape(model.init, KEYS[0], IMAGES[:1], LEVELS[:1], KEYS[:1])
    rise = np.linspace(0, 0.1, 15)
    encoder = [asked[f"g_a/stage{i}"] for i in (1, 2, 3)] + [asked["h_a/stage1"]]
    decoder = [asked["h_s/mean/stage1"]] + [asked[f"g_s/stage{i}"] for i in (1, 2, 3)]
    for rates in (encoder, decoder):
        np.testing.assert_allclose(np.concatenate(rates), rise)
    assert asked["h_s/scale/stage1"] == asked["h_s/mean/stage1"]
    nets = [
        asked[f"slices/context_net_{i}/{2 * i + second}"] for second in (0, 1) for i in range(5)
    ]
    for rates in (nets[:5], nets[5:]):
        np.testing.assert_allclose(np.concatenate(rates), np.linspace(0, 0.1, 10))


def test_evaluation_goes_through_every_block():
    small = {"params": small_params(0, NAME)}

    @functools.partial(jax.jit, static_argnums=0)
    def run(model, x):
        return model.apply(small, x, jnp.zeros(1), method="evaluate").x_hat

    never, often = small_model(NAME), create_model(NAME, **SMALL[NAME], drop_path=0.9)
    np.testing.assert_array_equal(run(often, IMAGES[:1]), run(never, IMAGES[:1]))
