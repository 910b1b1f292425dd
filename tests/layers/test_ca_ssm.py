"""CA-SSM: what the paper tells of it, and how it starts."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.layers import CASSM

X = jax.random.normal(jax.random.key(0), (2, 6, 9, 8))


@functools.cache
def randomised(fusion: str):
    """The layer, and weights whose MLP has learned something."""
    layer = CASSM(state_size=2, expand=1.0, fusion=fusion, reduction=1, skip=False)
    params = jax.jit(layer.init)(jax.random.key(1), X)["params"]
    kernel = 0.3 * jax.random.normal(jax.random.key(2), (8, 16))
    return layer, {"params": {**params, "excite": {"kernel": kernel, "bias": jnp.zeros(16)}}}


def test_a_block_starts_as_the_identity():
    layer = CASSM(state_size=2, expand=1.0)
    y, _ = jax.jit(layer.init_with_output)(jax.random.key(1), X)
    np.testing.assert_array_equal(y, X)


@pytest.mark.parametrize("fusion", ["softmax", "sigmoid"])
def test_the_two_paths_are_weighed_by_what_each_picture_holds(fusion):
    """Weights of each channel, the same all over a map; they sum to one if they are to."""
    layer, variables = randomised(fusion)
    params = variables["params"]
    params = {**params, "join": {"kernel": jnp.eye(8)[None, None], "bias": jnp.zeros(8)}}
    y, seen = layer.apply({"params": params}, X, capture_intermediates=True)
    wide, local = (seen["intermediates"][path]["__call__"][0] for path in ("vss", "local_path"))
    for picture in range(2):
        for channel in range(8):
            paths = np.stack([m[picture, ..., channel].ravel() for m in (wide, local)], axis=-1)
            found = y[picture, ..., channel].ravel()
            weights, *_ = np.linalg.lstsq(paths, found, rcond=None)
            np.testing.assert_allclose(paths @ weights, found, atol=1e-4)
            assert np.all((weights > 0) & (weights < 1))
            if fusion == "softmax":
                assert np.sum(weights) == pytest.approx(1, abs=1e-3)


def test_a_pixel_is_seen_by_all_the_map_and_by_no_other_picture():
    layer, variables = randomised("softmax")
    run = jax.jit(layer.apply)
    change = run(variables, X.at[0, 5, 8].add(9.0)) - run(variables, X)
    assert np.all(np.any(change[0] != 0, axis=-1))
    np.testing.assert_array_equal(change[1], 0)
