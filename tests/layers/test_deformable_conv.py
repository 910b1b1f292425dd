"""A deformable convolution whose taps do not move is a plain one, and moved by whole positions reads a moved map."""

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.layers import DeformableConv, DeformableResidual, conv
from hcfss_jax.layers.deformable_conv import deformable_conv


def test_it_starts_as_a_plain_convolution():
    x = jax.random.normal(jax.random.key(0), (2, 7, 9, 4))
    layer = DeformableConv(5)
    params = layer.init(jax.random.key(1), x)["params"]
    plain = {"kernel": params["kernel"], "bias": params["bias"]}
    wanted = conv(5).apply({"params": plain}, x)
    np.testing.assert_allclose(layer.apply({"params": params}, x), wanted, atol=1e-5)
    residual = DeformableResidual()
    np.testing.assert_array_equal(residual.apply(residual.init(jax.random.key(1), x), x), x)


def test_taps_moved_by_whole_positions_read_a_moved_map():
    x = jax.random.normal(jax.random.key(0), (1, 8, 8, 3))
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 3, 2))
    offsets = jnp.broadcast_to(jnp.array([2.0, -1.0]), (1, 8, 8, 1, 9, 2))
    moved = jnp.pad(x[:, 2:, :-1], ((0, 0), (0, 2), (1, 0), (0, 0)))
    found = deformable_conv(x, kernel, offsets)
    wanted = deformable_conv(moved, kernel, jnp.zeros_like(offsets))
    # At the border the moved map has lost what lies beyond it.
    np.testing.assert_allclose(found[:, 1:-3, 2:-1], wanted[:, 1:-3, 2:-1], atol=1e-5)


def test_where_it_reads_is_learned():
    x = jax.random.normal(jax.random.key(0), (1, 8, 8, 4))
    layer = DeformableConv(4)
    params = layer.init(jax.random.key(1), x)["params"]
    params["offset"]["bias"] = jnp.full(18, 0.3)  # between positions

    gradient = jax.grad(lambda p: jnp.sum(layer.apply({"params": p}, x) ** 2))(params)
    assert np.all(gradient["offset"]["bias"] != 0)
