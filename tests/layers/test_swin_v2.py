"""SwinV2: attention by cosines against its plain meaning, and how blocks and groups start."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.layers import RS2TB, CosineWindowAttention, SwinV2Block
from hcfss_jax.layers.cosine_attention import log_offsets
from tests.golden.formula import HERE

WINDOW, HEAD, CHANNELS = 4, 4, 8


def test_offsets_lie_in_logarithms_as_in_the_original():
    recorded = np.load(HERE / "s2lic_modules.npz")["swinv2_bias/coords"]
    np.testing.assert_allclose(log_offsets(8), recorded.reshape(-1, 2), atol=1e-6)


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("height, width", [(8, 8), (5, 7)])
def test_windows_equal_masked_attention_over_the_whole_map(height, width, shifted):
    x = jax.random.normal(jax.random.key(1), (2, height, width, CHANNELS))
    layer = CosineWindowAttention(HEAD, WINDOW, shifted, position_hidden=6)
    p = jax.jit(layer.init)(jax.random.key(0), x)["params"]
    rng = np.random.default_rng(0)
    p = jax.tree.map(lambda a: a + jnp.asarray(rng.normal(size=a.shape), jnp.float32), p)
    p["logit_scale"] = jnp.asarray([2.0, 9.0])  # of which the second is held at ln 100

    shift = WINDOW // 2 if shifted else 0
    i, j = (n.ravel() for n in np.indices((height, width)))
    cell_i, cell_j = (i - shift) // WINDOW, (j - shift) // WINDOW
    together = (cell_i[:, None] == cell_i) & (cell_j[:, None] == cell_j)
    side = 2 * WINDOW - 1
    offset = (i[:, None] - i + WINDOW - 1) * side + j[:, None] - j + WINDOW - 1
    hidden = log_offsets(WINDOW) @ p["position1"]["kernel"] + p["position1"]["bias"]
    bias = 16 * nn.sigmoid(nn.relu(hidden) @ p["position2"]["kernel"])
    pixels = x.reshape(2, -1, CHANNELS)
    q, k, v = jnp.einsum("bpc,cthd->tbphd", pixels, p["qkv"]["kernel"])
    q, v = q + p["q_bias"], v + p["v_bias"]
    q, k = (a / jnp.linalg.norm(a, axis=-1, keepdims=True) for a in (q, k))
    factor = jnp.minimum(jnp.exp(p["logit_scale"]), 100)
    scores = jnp.einsum("bihd,bjhd->bijh", q, k) * factor + bias[np.where(together, offset, 0)]
    weights = nn.softmax(jnp.where(together[..., None], scores, -jnp.inf), axis=2)
    y = jnp.einsum("bijh,bjhd->bihd", weights, v)
    wanted = jnp.einsum("bphd,hdc->bpc", y, p["out"]["kernel"]) + p["out"]["bias"]
    found = jax.jit(layer.apply)({"params": p}, x)
    # Logits near 100 are known to 1e-5, and so are the weights, of values near 20.
    np.testing.assert_allclose(found, wanted.reshape(x.shape), atol=5e-4)


def test_the_cosine_of_a_query_of_zeros_has_a_gradient():
    layer = CosineWindowAttention(HEAD, WINDOW, position_hidden=6)
    x = jnp.zeros((1, 4, 4, CHANNELS))
    variables = jax.jit(layer.init)(jax.random.key(0), x)
    loss = jax.jit(jax.grad(lambda v, x: jnp.sum(layer.apply(v, x) ** 2 + x), (0, 1)))
    gradients = loss(variables, x)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(gradients))


def test_a_block_starts_as_its_skip_and_a_group_as_twice_its_input():
    x = jax.random.normal(jax.random.key(1), (1, 8, 8, CHANNELS))
    for layer, wanted in (
        (SwinV2Block(HEAD, WINDOW, position_hidden=6), x),
        (RS2TB((0.0, 0.0), HEAD, WINDOW, position_hidden=6), 2 * x),
    ):
        found, _ = jax.jit(layer.init_with_output)(jax.random.key(0), x)
        np.testing.assert_array_equal(found, wanted)
