"""CSM, a hybrid of convolutions, window attention and state space; its name and layers are those of its public code.

    g_a, g_s   as in `transforms`: at stride 2 hybrids of convolution and Swin block, below of convolution and VSS
    h_a, h_s   TCM's
    y          TCM's

Function and parameters are those of github.com/abc123abc804/CSM, so that its weights can be imported. Its quirks are
kept: the first 1x1 of a Swin hybrid is applied twice, ACP stands in one of each pair of them, and a VSS hybrid adds to
what comes out of its ACP.
"""

import dataclasses
import functools

import flax.linen as nn
import jax

from hcfss_jax.layers.acp import ACP
from hcfss_jax.layers.hybrid import HybridBlock
from hcfss_jax.layers.numerics import PYTORCH
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.layers.vss import VSS
from hcfss_jax.layers.window_attention import SwinBlock
from hcfss_jax.models.config import PORTED, SMALLEST, SMALLEST_PORTED, TINY
from hcfss_jax.models.family import Family, Published
from hcfss_jax.models.tcm import SMALLEST_ATTENTION, TCM, TCMConfig
from hcfss_jax.models.transforms import Block


@dataclasses.dataclass(frozen=True)
class CSMConfig(TCMConfig):
    """Sizes of a CSM: those of a TCM, and of its VSS blocks."""

    head_dims: tuple[int, int, int] = (16, 16, 16)
    """Of attention at strides 2, 4 and 8, as far as there is any."""
    swin_stages: int = 1
    """How many stages, from the finest, have Swin hybrids; the others have VSS hybrids."""
    state_size: int = 16
    expand: float = 2.0


VARIANTS = {
    "tiny": CSMConfig(
        **TINY,
        mlp_ratio=2,
        attention_dim=16,
        attention_head_dim=8,
        state_size=1,
        expand=1.0,
    ),
    "base": CSMConfig(**PORTED),
}


class CSM(TCM):
    """The model; see the module's drawing for its data flow and `HyperpriorModel` for its methods."""

    config: CSMConfig

    @property
    def paddable(self) -> bool:
        """Raster scans would meet the padding between two rows, and ACP's mean would count it."""
        return False

    def block(self) -> Block:
        """What makes the blocks of g_a and g_s."""
        return functools.partial(_hybrid, self.config, self.remat)


def _hybrid(
    c: CSMConfig, remat: bool, stage: int, index: int, *, name: str, dtype: str | None
) -> nn.Module:
    if stage >= c.swin_stages:
        vss = VSS(c.state_size, c.expand, dtype, parent=None)
        return remat_if(remat, VSSHybrid)(vss, dtype, local_skip=True, name=name)
    shifted = index % 2 == 1
    swin = SwinBlock(
        c.head_dims[stage], c.window, shifted, c.mlp_ratio, dtype, PYTORCH, parent=None
    )
    return remat_if(remat, SwinHybrid)(
        swin, dtype, local_skip=True, attended=not shifted, name=name
    )


class SwinHybrid(HybridBlock):
    """A hybrid block that mixes twice with the same 1x1."""

    attended: bool = True
    """Whether ACP stands between the two."""

    def mix(self, x: jax.Array, split: nn.Module) -> tuple[jax.Array, jax.Array]:
        """See `HybridBlock.mix`."""
        mixed = split(x)
        return x, split(ACP(self.dtype, name="acp")(mixed) if self.attended else mixed)


class VSSHybrid(HybridBlock):
    """A hybrid block behind an ACP."""

    def mix(self, x: jax.Array, split: nn.Module) -> tuple[jax.Array, jax.Array]:
        """See `HybridBlock.mix`."""
        x = ACP(self.dtype, name="acp")(x)
        return x, split(x)


FAMILY = Family(
    CSM,
    VARIANTS,
    "An Adaptive Hybrid CNN-SSM Model, The Visual Computer 2025",
    small={
        "tiny": {**SMALLEST, **SMALLEST_ATTENTION, "blocks": (1, 0, 1)},
        "base": {**SMALLEST_PORTED, **SMALLEST_ATTENTION, "mlp_ratio": 2},
    },
    title="CSM",
    url="https://github.com/abc123abc804/CSM",
    held_to="authors' code",
    published=Published({"Kodak": -8.8}, "VTM 9.1", "us, read off its figure, give or take 1.5"),
)
