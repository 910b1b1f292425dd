"""The inside of 3DM-WeConv (Fu et al. 2025, arXiv 2504.04658): convolutions of subbands of space and channels.

    x -> W3 -> of each half of the channels, and each by itself    LL of the last level: 3x3, GDN
                                                                   LH, HL, HH of a level together: 1x1, GDN
      -> inverse W3

`WeConvDown` and `WeConvUp` take it in place of `SubbandConv`. Which kernels the subbands have is known; that a level's
three share one, and have a GDN, is our reading.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.checks import check_map, check_sides, check_width
from hcfss_jax.layers.convolution import SILENT, conv
from hcfss_jax.layers.gdn import GDN
from hcfss_jax.ops import (
    inverse_wavelet_2d,
    inverse_wavelet_3d,
    wavelet_2d,
    wavelet_3d,
)
from hcfss_jax.ops.lifting import Neighbours, WaveletName
from hcfss_jax.ops.wavelet_3d import (
    Area,
    Bands,
    Pyramid,
    halves,
    wavelet_channels,
)


class SubbandConv3D(nn.Module):
    """See the module. `[B, H, W, C]` to the same; H and W are multiples of 2^levels, C is 2 or more.

    Of an odd C the half of low frequencies has one channel more. With `inverse` the GDNs are.
    """

    beyond = Beyond.TOLD

    inverse: bool = False
    wavelet: WaveletName = "5/3"
    levels: int = 2
    """How often LL is taken apart in space."""
    neighbours: Neighbours = "standard"
    """Along channels, see `hcfss_jax.ops.lifting`."""
    dtype: DTypeLike | None = None

    @nn.compact
    def __call__(self, x: jax.Array, valid: jax.Array | None = None) -> jax.Array:
        """valid: bool `[H, W]`, rows and columns that are the picture; the wavelets close their circle around them."""
        check_map(self, x)
        check_width(self, x, 2)
        check_sides(self, x, 2**self.levels)
        area = None if valid is None else _area(valid)
        low, details = wavelet_3d(x, self.wavelet, self.levels, self.neighbours, area)
        (low,) = self._mixed("low", 3, [low])
        others = []
        for level, bands in zip(reversed(range(self.levels)), details, strict=True):
            lh, hl, hh = self._mixed(f"level{level + 1}", 1, bands)
            others.append((lh, hl, hh))
        return inverse_wavelet_3d(Pyramid(low, tuple(others)), self.wavelet, self.neighbours, area)

    def _mixed(self, name: str, kernel: int, bands: Sequence[jax.Array]) -> list[jax.Array]:
        """Bands of one size through a convolution and a GDN, each half of the channels through its own."""
        of_halves = []
        for half, parts in zip("lh", zip(*map(halves, bands), strict=True), strict=True):
            y = jnp.concatenate(parts, axis=-1)
            layer = conv(
                y.shape[-1],
                kernel,
                kernel_init=SILENT,
                dtype=self.dtype,
                name=f"{name}_{half}_conv",
            )
            y = GDN(self.inverse, name=f"{name}_{half}_gdn")(layer(y))
            of_halves.append(jnp.split(y, len(bands), axis=-1))
        return [jnp.concatenate(parts, axis=-1) for parts in zip(*of_halves, strict=True)]


class Wavelet3D(nn.Module):
    """One level of the W3 transform with its bands as channels; it has no parameters.

    `[B, H, W, C]` to `[B, H / 2, W / 2, 4 C]`, channels [LL | LH | HL | HH] and each of them [L | H]; H and W are even.
    With `inverse` back again.
    """

    beyond = Beyond.TOLD

    wavelet: WaveletName = "5/3"
    neighbours: Neighbours = "standard"
    inverse: bool = False

    def __call__(self, x: jax.Array, valid: jax.Array | None = None) -> jax.Array:
        """valid: bool `[H, W]` of x, rows and columns that are the picture."""
        check_map(self, x, 4 if self.inverse else 1)
        area = None if valid is None else _area(valid)
        if self.inverse:
            bands = Bands(*jnp.split(x, 4, axis=-1))
            twice = area and (2 * area[0], 2 * area[1])
            channels = inverse_wavelet_2d(bands, self.wavelet, twice)
            return wavelet_channels(channels, self.wavelet, self.neighbours, inverse=True)
        check_sides(self, x, 2)
        channels = wavelet_channels(x, self.wavelet, self.neighbours)
        return jnp.concatenate(wavelet_2d(channels, self.wavelet, area), axis=-1)


def _area(valid: jax.Array) -> Area:
    """Rows and columns, from the first on, of bool `[H, W]`."""
    return jnp.sum(valid[:, 0], dtype=jnp.int32), jnp.sum(valid[0], dtype=jnp.int32)
