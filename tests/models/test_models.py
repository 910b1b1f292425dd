"""What holds of every model: shapes, sizes, and that training, evaluation and coding are one computation."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.entropy import rounding, run_steps
from hcfss_jax.errors import UnknownModel
from hcfss_jax.models import create_model, model_names
from tests.small_model import photo, small_model, small_params

LEVELS = jnp.asarray([0.0, 6.5])
BATCH = jnp.asarray(np.stack([photo(64, 128, seed) for seed in (0, 1)]) / 255.0, jnp.float32)


@functools.cache
def parameter_count(name: str) -> int:
    model, key = create_model(name), jax.random.key(0)
    x, level = jnp.zeros((1, 64, 64, 3)), jnp.zeros(1)
    shapes = jax.eval_shape(model.init, {"params": key, "noise": key}, x, level)
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


@pytest.mark.parametrize(
    "name, limit", [("hcfssnet-tiny", 1.5e6), ("hcfssnet-small", 12e6), ("hcfssnet-base", 158e6)]
)
def test_every_size_can_be_made_and_keeps_its_promise(name, limit):
    assert name in model_names()
    assert 0.1 * limit < parameter_count(name) <= limit


def test_an_unknown_name_and_an_unknown_field_are_refused_with_the_known_ones():
    with pytest.raises(UnknownModel, match="hcfssnet-tiny"):
        create_model("hcfssnet-huge")
    with pytest.raises(ValueError, match="'width'.*widths"):
        create_model("hcfssnet-tiny", width=3)


@functools.cache
def evaluated():
    run = jax.jit(functools.partial(small_model().apply, method="evaluate"))
    return run({"params": small_params()}, BATCH, LEVELS)


def test_a_pass_keeps_the_picture_s_shape_and_counts_bits_of_each_image():
    out = evaluated()
    assert out.x_hat.shape == BATCH.shape and out.bits_y.shape == out.bits_z.shape == (2,)
    assert np.all(out.bits_y > 0) and np.all(out.bits_z > 0)
    assert out.bits_y[1] > out.bits_y[0]  # a higher level, the same kind of picture


def test_training_rounds_the_same_latent_but_counts_the_rate_of_a_noisy_one():
    """Straight-through rounding gives the picture of evaluation; only the rate is a proxy."""
    run = jax.jit(lambda p, k: small_model().apply({"params": p}, BATCH, LEVELS, rngs={"noise": k}))
    trained, out = run(small_params(), jax.random.key(0)), evaluated()
    np.testing.assert_allclose(trained.x_hat, out.x_hat, atol=2e-3)
    assert np.all(np.abs(trained.bits_y / out.bits_y - 1) < 0.2)
    assert np.all(trained.bits_y != run(small_params(), jax.random.key(1)).bits_y)


def test_every_parameter_learns_from_the_rate_distortion_loss():
    def loss(params):
        out = small_model().apply(
            {"params": params}, BATCH, LEVELS, rngs={"noise": jax.random.key(0)}
        )
        return jnp.mean((out.x_hat - BATCH) ** 2) * 1e4 + jnp.mean(out.bits_y + out.bits_z)

    gradients = jax.jit(jax.grad(loss))(small_params())
    for path, gradient in jax.tree_util.tree_leaves_with_path(gradients):
        assert np.all(np.isfinite(gradient)), jax.tree_util.keystr(path)
        assert np.any(gradient != 0), jax.tree_util.keystr(path)


def test_a_slice_is_predicted_from_those_before_it_and_from_no_other():
    """What makes a file decodable: changing a part of y must not change what predicts it."""
    model = small_model().bind({"params": small_params()})
    y, z = model.analyse(BATCH, LEVELS)
    hyper = model.hyper(jnp.round(z), LEVELS)
    seen: list[jax.Array] = []

    def predict(step, hyper, decoded):
        prediction = model.predict(step, hyper, decoded)
        seen.append(prediction.mean)
        return prediction

    for change in (0, 5.0):
        parts = model.split(y)
        parts = [parts[0], parts[1] + change]
        run_steps(model.coding_steps, predict, model.refine, rounding(parts), hyper)
    np.testing.assert_array_equal(seen[0], seen[2])
    np.testing.assert_array_equal(seen[1], seen[3])
    parts = [model.split(y)[0] + 5.0, model.split(y)[1]]
    run_steps(model.coding_steps, predict, model.refine, rounding(parts), hyper)
    assert np.any(seen[5] != seen[1])
