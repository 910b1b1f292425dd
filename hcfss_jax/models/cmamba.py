"""CMamba, convolutions and state space (Wu et al., arXiv 2502.04988).

    g_a, g_s   as in `transforms`, with CA-SSM blocks
    h_a, h_s   as there, without blocks; one map for mean and scale
    y          5 slices of channels; CAE for mean and scale of each; LRP

Known are the modules CA-SSM and CAE and where they stand. No code is public: sizes and the nets around the two modules
are our reading, after TCM (Liu et al. 2023), each a field of the config.
"""

import dataclasses
import functools
from typing import get_args

import flax.linen as nn

from hcfss_jax.entropy.cae import CAE
from hcfss_jax.layers.ca_ssm import CASSM, Fusion
from hcfss_jax.layers.numerics import PYTORCH
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.models.config import SMALLEST, TINY, ModelConfig
from hcfss_jax.models.family import Family, Published
from hcfss_jax.models.hyperprior import HyperpriorModel
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

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fusion not in get_args(Fusion):
            raise ValueError(f"fusion={self.fusion!r}: choose one of {get_args(Fusion)}")


VARIANTS = {
    "tiny": CMambaConfig(
        **TINY, state_size=1, expand=1.0, hyper_features=64, cae_dim=64, mlp_ratio=2
    ),
    "base": CMambaConfig(),
}


class CMamba(HyperpriorModel):
    """The model; see the module's drawing for its data flow and `HyperpriorModel` for its methods."""

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


FAMILY = Family(
    CMamba,
    VARIANTS,
    "Wu et al. 2025, arXiv 2502.04988",
    small={"tiny": {**SMALLEST, "reduction": 1, "hyper_features": 8, "cae_dim": 8}},
    title="CMamba",
    url="https://arxiv.org/abs/2502.04988",
    held_to="our reading",
    published=Published(
        {"Kodak": -14.95, "Tecnick": -18.83, "CLIC": -13.89}, "VVC", "its abstract"
    ),
)
