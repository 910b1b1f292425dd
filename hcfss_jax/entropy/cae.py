"""CAE, the context-aware entropy model of CMamba (Wu et al., arXiv 2502.04988)."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.channel_slices import ChannelSlices
from hcfss_jax.entropy.distributions import Gaussian
from hcfss_jax.entropy.steps import Decoded, Prediction
from hcfss_jax.layers.convolution import conv
from hcfss_jax.layers.mlp import MLP
from hcfss_jax.layers.numerics import PYTORCH
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.layers.vss import VSS


class CAE(ChannelSlices):
    """For slice i, from the hyperprior's map and the slices before it,

        s = 1x1(map, decoded slices < i);   F = s + SS2D(LN s);   Phi = F + FFN(LN F);   (mean | log scale) = 1x1(Phi)

    Where things lie in the map is modelled by the scans alone, so a slice is decoded at once. The last 1x1, and that
    Phi is what the latent residual prediction sees, are our reading.
    """

    dim: int = 256
    state_size: int = 16
    expand: float = 2.0
    mlp_ratio: int = 4
    remat: bool = False

    def setup(self) -> None:
        super().setup()
        count, vss = len(self.slices), remat_if(self.remat, VSS)
        self.squeeze = [conv(self.dim, 1) for _ in range(count)]
        self.mix = [vss(self.state_size, self.expand) for _ in range(count)]
        self.norm = [nn.LayerNorm(PYTORCH.epsilon) for _ in range(count)]
        self.ffn = [MLP(self.mlp_ratio * self.dim, numerics=PYTORCH) for _ in range(count)]
        self.head = [conv(2 * n, 1) for n in self.slices]

    def predict(self, number: int, hyper: jax.Array, decoded: Decoded) -> Prediction:
        """See `ChannelSlices.predict`; hyper: a map `[B, h, w, .]`."""
        x = self.mix[number](self.squeeze[number](jnp.concatenate([hyper, *decoded], axis=-1)))
        phi = x + self.ffn[number](self.norm[number](x))
        mean, log_scale = jnp.split(self.head[number](phi), 2, axis=-1)
        return Prediction(Gaussian(mean, log_scale), phi)
