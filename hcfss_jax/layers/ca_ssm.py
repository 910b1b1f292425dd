"""CA-SSM, the content-adaptive block of CMamba (Wu et al., arXiv 2502.04988)."""

from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from hcfss_jax.layers.checks import check_map, check_width
from hcfss_jax.layers.convolution import SILENT, conv
from hcfss_jax.layers.residual import ResidualBlock
from hcfss_jax.layers.vss import VSS

Fusion = Literal["softmax", "sigmoid"]


class CASSM(nn.Module):
    """A VSS block beside a residual block, and what the content makes of the two.

        x + w(alpha * VSS(x) + beta * ResBlock(x));   (alpha, beta) = MLP(max over the map)

    Known of the paper: the two paths on the same input, the global maximum, the MLP, and the projection w of the
    weighted sum. Our reading: weights for each channel, which sum to 1 ("softmax") or lie in (0, 1) each ("sigmoid");
    the maximum of the sum of both paths, as in SK-Net; and the skip, so that a block starts as the identity.
    `[B, H, W, C]` to the same.
    """

    state_size: int = 16
    expand: float = 2.0
    fusion: Fusion = "softmax"
    reduction: int = 4
    """C over the MLP's width."""
    skip: bool = True
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        check_map(self, x)
        check_width(self, x, self.reduction, "reduction")
        channels = x.shape[-1]
        wide = VSS(self.state_size, self.expand, self.dtype, name="vss")(x)
        local = ResidualBlock(dtype=self.dtype, name="local_path")(x)
        alpha, beta = self._weights(jnp.max(wide + local, axis=(1, 2), keepdims=True))
        start = SILENT if self.skip else nn.initializers.lecun_normal()
        y = conv(channels, 1, dtype=self.dtype, kernel_init=start, name="join")(
            alpha * wide + beta * local
        )
        return x + y if self.skip else y

    def _weights(self, content: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Content `[B, 1, 1, C]` to the weights of the two paths, of its shape each; all start at 1/2."""
        channels = content.shape[-1]
        hidden = nn.Dense(channels // self.reduction, name="squeeze", dtype=self.dtype)(content)
        zeros = nn.initializers.zeros
        excite = nn.Dense(2 * channels, kernel_init=zeros, name="excite", dtype=self.dtype)
        logits = excite(nn.relu(hidden)).reshape(*content.shape[:-1], 2, channels)
        fuse = nn.sigmoid if self.fusion == "sigmoid" else lambda x: nn.softmax(x, axis=-2)
        weights = fuse(logits)
        return weights[..., 0, :], weights[..., 1, :]
