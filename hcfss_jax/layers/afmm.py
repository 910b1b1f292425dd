"""AFMM, the Adaptive Frequency Modulation Module of HCFSSNet (arXiv 2511.20151)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map
from hcfss_jax.ops import inverse_windowed_dct, windowed_dct
from hcfss_jax.ops.windows import merge, pad_to_windows, partition


class AFMM(nn.Module):
    """Weights the DCT coefficients of each window by what the window holds.

        x -> windows -> DCT -> * weights(|coefficients|) -> inverse DCT -> x

    The abstract says: DCT of the features, content-adaptive weights of its components. The rest is our reading: windows
    of 8x8; a weight for each frequency and group of channels; a small MLP on the logarithm of the group's mean
    magnitudes; weights in (0, 2). Its last layer starts at zero, so every weight starts at exactly 1.

    With `mutable=["intermediates"]` it tells its weights, `[B, H / window, W / window, window^2, groups]`: "weights".
    """

    beyond = Beyond.BORDER

    window: int = 8
    groups: int = 2
    hidden: int = 16

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`[B, H, W, C]` to the same, any H and W; C is a multiple of `groups`. Works in float32."""
        check_map(self, x, self.groups, "groups")
        height, width, channels = x.shape[1:]
        windows = partition(pad_to_windows(x, self.window), self.window)
        coefficients = windowed_dct(windows)
        grouped = coefficients.reshape(
            *coefficients.shape[:3], self.window**2, self.groups, channels // self.groups
        )
        weights = self._weights(grouped)
        self.sow("intermediates", "weights", weights)
        modulated = grouped * weights[..., None]
        windows = inverse_windowed_dct(modulated.reshape(coefficients.shape))
        return merge(windows)[:, :height, :width].astype(x.dtype)

    def _weights(self, grouped: jax.Array) -> jax.Array:
        """Coefficients `[..., frequencies, groups, channels]` to weights `[..., frequencies, groups]`."""
        content = jnp.log1p(jnp.mean(jnp.abs(grouped), axis=-1))
        shape = content.shape
        content = content.reshape(*shape[:-2], -1)
        hidden = nn.gelu(nn.Dense(self.hidden, name="in")(content))
        zeros = nn.initializers.zeros
        out = nn.Dense(content.shape[-1], kernel_init=zeros, name="out")
        return 2 * nn.sigmoid(out(hidden)).reshape(shape)
