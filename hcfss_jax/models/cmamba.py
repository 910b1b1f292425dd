"""CMamba, convolutions and state space (Wu et al., arXiv 2502.04988).

    g_a, g_s   as in `transforms`, with CA-SSM blocks
    h_a, h_s   as there, without blocks; one map for mean and scale
    y          5 slices of channels; CAE for mean and scale of each; LRP

Known are the modules CA-SSM and CAE and where they stand. No code is public: sizes and the nets around the two modules
are our reading, after TCM (Liu et al. 2023), each a field of the config.
"""

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.channel_slices import ChannelSlices
from hcfss_jax.entropy.steps import Decoded, Prediction
from hcfss_jax.layers.ca_ssm import CASSM, Fusion
from hcfss_jax.layers.convolution import conv
from hcfss_jax.layers.mlp import MLP
from hcfss_jax.layers.numerics import PYTORCH
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.layers.vss import VSS
from hcfss_jax.models.config import TINY, ModelConfig
from hcfss_jax.models.skeleton import CompressionModel
from hcfss_jax.models.transforms import Analysis, HyperAnalysis, HyperUpsampling, Synthesis


@dataclasses.dataclass(frozen=True)
class CMambaConfig(ModelConfig):
    """Sizes of a CMamba; in all 55.6 M parameters, about what the paper's ratio to MLIC++ implies."""

    widths: tuple[int, int, int] = (192, 224, 256)

    hyper_blocks: int = 0
    state_size: int = 16
    expand: float = 2.0
    fusion: Fusion = "softmax"
    reduction: int = 4
    """Channels of a CA-SSM over the width of its MLP."""
    skip: bool = True
    """Whether a CA-SSM adds its input."""
    hyper_features: int = 320
    """Channels of what h_s tells CAE."""
    cae_dim: int = 256
    """Channels inside of CAE."""
    mlp_ratio: int = 4
    """Of CAE's feed-forward network."""


VARIANTS = {
    "tiny": CMambaConfig(
        **TINY, state_size=1, expand=1.0, hyper_features=64, cae_dim=64, mlp_ratio=2
    ),
    "base": CMambaConfig(),
}


class CMamba(CompressionModel):
    """The model; see the module's drawing for its data flow and `CompressionModel` for its methods."""

    config: CMambaConfig

    @property
    def paddable(self) -> bool:
        """Raster scans would meet the padding between two rows, and the global maximum would see it."""
        return False

    def setup(self) -> None:
        super().setup()
        c, remat = self.config, self.remat
        block = functools.partial(_ca_ssm, c, remat)
        self.g_a = Analysis(c, block, self.dtype, remat)
        self.g_s = Synthesis(c, block, self.dtype, remat)
        self.h_a = HyperAnalysis(c, block, remat)
        self.h_s = HyperUpsampling(c, block, c.hyper_features, remat)
        self.slices = CAE(
            c.slices,
            c.parameter_hidden,
            PYTORCH,
            c.cae_dim,
            c.state_size,
            c.expand,
            c.mlp_ratio,
            remat,
        )


def _ca_ssm(
    c: CMambaConfig, remat: bool, stage: int, index: int, *, name: str, dtype: str | None
) -> nn.Module:
    return remat_if(remat, CASSM)(
        c.state_size, c.expand, c.fusion, c.reduction, c.skip, dtype, name=name
    )


class CAE(ChannelSlices):
    """The context-aware entropy model: for slice i, from the hyperprior's map and the slices before it,

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

    def predict(self, step: int, hyper: jax.Array, decoded: Decoded) -> Prediction:
        """See `ChannelSlices.predict`; hyper: a map `[B, h, w, .]`."""
        x = self.mix[step](self.squeeze[step](jnp.concatenate([hyper, *decoded], axis=-1)))
        phi = x + self.ffn[step](self.norm[step](x))
        mean, log_scale = jnp.split(self.head[step](phi), 2, axis=-1)
        return Prediction(mean, log_scale, phi)
