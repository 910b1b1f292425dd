"""Window attention against a plain attention over the whole map under the same mask."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.layers import SwinBlock, WindowAttention

WINDOW, HEAD, CHANNELS = 4, 4, 8


@functools.partial(jax.jit, static_argnums=2)
def attention_over_the_whole_map(params, x, shifted):
    """Every pixel looks at every pixel; the mask says what a window is."""
    height, width = x.shape[1:3]
    shift = WINDOW // 2 if shifted else 0
    i, j = (n.ravel() for n in np.indices((height, width)))
    # A window of the shifted partition is a cell of the grid that starts `shift` before the map.
    cell_i, cell_j = (i - shift) // WINDOW, (j - shift) // WINDOW
    together = (cell_i[:, None] == cell_i) & (cell_j[:, None] == cell_j)
    side = 2 * WINDOW - 1
    offset = (i[:, None] - i + WINDOW - 1) * side + j[:, None] - j + WINDOW - 1
    bias = params["position_bias"][np.where(together, offset, 0)]
    pixels = x.reshape(x.shape[0], -1, CHANNELS)
    qkv = jnp.einsum("bpc,cthd->tbphd", pixels, params["qkv"]["kernel"])
    q, k, v = qkv + params["qkv"]["bias"][:, None, None]
    scores = jnp.einsum("bihd,bjhd->bijh", q, k) * HEAD**-0.5 + bias
    weights = nn.softmax(jnp.where(together[..., None], scores, -jnp.inf), axis=2)
    y = jnp.einsum("bijh,bjhd->bihd", weights, v)
    out = jnp.einsum("bphd,hdc->bpc", y, params["out"]["kernel"]) + params["out"]["bias"]
    return out.reshape(x.shape)


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("height, width", [(8, 8), (4, 12), (5, 7), (1, 2)])
def test_windows_equal_masked_attention_over_the_whole_map(height, width, shifted):
    x = jax.random.normal(jax.random.key(1), (2, height, width, CHANNELS))
    layer = WindowAttention(HEAD, WINDOW, shifted)
    params = jax.jit(layer.init)(jax.random.key(0), x)["params"]
    params["position_bias"] = jax.random.normal(jax.random.key(2), params["position_bias"].shape)
    found = jax.jit(layer.apply)({"params": params}, x)
    np.testing.assert_allclose(found, attention_over_the_whole_map(params, x, shifted), atol=2e-6)


def test_shifted_windows_carry_information_across_window_borders():
    x = jax.random.normal(jax.random.key(1), (1, 8, 8, CHANNELS))
    layer = SwinBlock(HEAD, WINDOW, shifted=True)
    variables = jax.jit(layer.init)(jax.random.key(0), x)
    reach = jax.jit(jax.grad(lambda x: layer.apply(variables, x)[0, 3, 3, 0]))(x)[0]
    touched = np.abs(np.asarray(reach)).sum(-1) > 0
    assert touched[2:6, 2:6].all() and not touched[6:, :].any() and not touched[:, :2].any()
