"""What is said of a picture, told to a map of it."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.errors import InvalidInput
from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_float, check_map
from hcfss_jax.layers.convolution import SILENT, conv


class TextFusion(nn.Module):
    """y + conv1x1 [y | e], e = dense(GELU(dense(text))) at every position. `[B, H, W, C]` to the same, float32.

    SELIC's fusion (arXiv 2504.01279) as we read it. An image whose text is 0 everywhere goes past it, so that without a
    text y is y to the bit, whatever was learned: zeros stand for no text, and no encoder of texts gives them. The last
    convolution starts at 0, and so the layer as y for any text.

    All of it is linear in y and e: beside a convolution before it, which the weights of y could be part of, a text
    moves each channel by a number of its own.
    """

    beyond = Beyond.ANYTHING

    @nn.compact
    def __call__(self, y: jax.Array, text: jax.Array) -> jax.Array:
        """text: `[B, .]`. Raises InvalidInput for another."""
        check_map(self, y)
        check_float(self, text)
        if text.ndim != 2 or len(text) != len(y):
            raise InvalidInput(
                f"TextFusion takes a text for each of {len(y)} maps, [{len(y)}, .], not {list(text.shape)}"
            )
        channels = y.shape[-1]
        e = nn.Dense(channels, name="out")(nn.gelu(nn.Dense(channels, name="in")(text)))
        everywhere = jnp.broadcast_to(e[:, None, None], y.shape)
        fuse = conv(channels, 1, kernel_init=SILENT, name="fuse")
        told = jnp.any(text != 0, axis=-1)[:, None, None, None]
        return jnp.where(told, y + fuse(jnp.concatenate([y, everywhere], axis=-1)), y)
