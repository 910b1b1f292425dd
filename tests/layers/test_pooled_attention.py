"""Attention of every position to the means of windows."""

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.layers.pooled_attention import PooledAttention
from hcfss_jax.ops import attention

RNG = np.random.default_rng(0)


def map_of(*shape):
    return jnp.asarray(RNG.normal(size=shape), jnp.float32)


def test_what_fills_up_the_last_windows_is_no_part_of_their_means():
    """A map of 5x7 in windows of 4: the four means are those of what there is, as a plain loop finds them."""
    layer, x = PooledAttention(3, 4), map_of(1, 5, 7, 6)
    variables = layer.init(jax.random.key(0), x)
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables["params"])
    wide = np.asarray(x[0], np.float64)
    tokens = [wide[i : i + 4, j : j + 4].mean((0, 1)) for i in (0, 4) for j in (0, 4)]
    q = wide @ p["query"]["kernel"]
    k, v = np.split(np.stack(tokens) @ p["key_value"]["kernel"], 2, axis=-1)
    heads = []
    for head in (slice(0, 3), slice(3, 6)):
        e = np.exp(q[..., head] @ k[:, head].T / np.sqrt(3))
        heads.append(e / e.sum(-1, keepdims=True) @ v[:, head])
    wanted = np.concatenate(heads, axis=-1) @ p["out"]["kernel"]
    np.testing.assert_allclose(layer.apply(variables, x)[0], wanted, atol=1e-5)


def test_memory_of_the_gradient_grows_with_the_map_and_not_with_its_square(monkeypatch):
    monkeypatch.setattr(attention, "LARGEST_SCORES", 2**14)

    def needed(side):
        layer, x = PooledAttention(4, 2), jax.ShapeDtypeStruct((1, side, side, 4), jnp.float32)
        variables = jax.eval_shape(layer.init, jax.random.key(0), x)
        run = jax.jit(jax.grad(lambda w, x: jnp.sum(layer.apply(w, x) ** 2)))
        return run.lower(variables, x).compile().memory_analysis().temp_size_in_bytes

    assert needed(64) < 6 * needed(32)  # 4 times the positions, 16 times the scores
