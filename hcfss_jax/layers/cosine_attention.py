"""Window attention by cosines (Swin Transformer V2, Liu et al. 2022, arXiv 2111.09883)."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.layers.window_attention import WindowAttention

_LOGIT_SCALE, _LARGEST_LOGIT_SCALE = math.log(10.0), math.log(100.0)
_SHORTEST = 1e-12  # a vector that is shorter is divided by this
_LARGEST_BIAS = 16.0


class CosineWindowAttention(WindowAttention):
    """Window attention whose scores are cosines of queries and keys, times a learned factor for each head.

    Their scale does not grow with that of the map. The bias of a pair is 16 times a sigmoid of a small net of its
    offset, and so is known for windows of any size. `[B, H, W, C]` to the same.

    The authors' code adds -100 between pixels that may not attend; here such pairs have no weight at all.
    """

    position_hidden: int = 512
    """Channels inside of the net of offsets."""

    def projected(self, x: jax.Array, heads: int) -> tuple[jax.Array, ...]:
        """See `WindowAttention.projected`; keys have no bias."""
        shape = (heads, self.head_dim)
        dense = nn.DenseGeneral((3, *shape), use_bias=False, name="qkv", dtype=self.dtype)
        qkv = dense(x)
        q, k, v = (qkv[..., i, :, :] for i in range(3))
        q_bias, v_bias = (
            self.param(name, nn.initializers.zeros, shape, jnp.float32).astype(q.dtype)
            for name in ("q_bias", "v_bias")
        )
        return q + q_bias[None, None, None], k, v + v_bias[None, None, None]

    def scores(self, q: jax.Array, k: jax.Array) -> jax.Array:
        """See `WindowAttention.scores`."""
        heads = q.shape[-2]
        start = nn.initializers.constant(_LOGIT_SCALE)
        logit_scale = self.param("logit_scale", start, (heads,), jnp.float32)
        factor = jnp.exp(jnp.minimum(logit_scale, _LARGEST_LOGIT_SCALE))
        cosines = jnp.einsum("bwihd,bwjhd->bwhij", _unit(q), _unit(k))
        return cosines * factor[None, None, :, None, None] + self._bias_of_offsets(heads)

    def _bias_of_offsets(self, heads: int) -> jax.Array:
        """`[1, 1, heads, pixels, pixels]`."""
        hidden = nn.relu(nn.Dense(self.position_hidden, name="position1")(log_offsets(self.window)))
        table = nn.Dense(heads, use_bias=False, name="position2")(hidden)
        return self.by_pairs(_LARGEST_BIAS * nn.sigmoid(table))


def log_offsets(window: int) -> np.ndarray:
    """float32 `[(2 window - 1)^2, 2]`: offsets in rows and columns, in logarithms of which the largest is about 1."""
    offsets = 8.0 * np.arange(1 - window, window) / max(window - 1, 1)
    along = np.sign(offsets) * np.log2(1 + np.abs(offsets)) / np.log2(8)
    rows, columns = np.meshgrid(along, along, indexing="ij")
    return np.stack([rows.ravel(), columns.ravel()], axis=-1).astype(np.float32)


def _unit(x: jax.Array) -> jax.Array:
    """x `[..., head_dim]`, float32 of length 1."""
    x = x.astype(jnp.float32)
    # The bound lies within the root, where a vector of zeros has a gradient.
    return x / jnp.sqrt(jnp.maximum(jnp.sum(x**2, axis=-1, keepdims=True), _SHORTEST**2))
