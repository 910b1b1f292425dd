"""MambaIC, state space in transforms, hyperprior and context (Zeng et al., CVPR 2025, arXiv 2503.12461).

    g_a   x -> conv5x5 /2 -> [VSS]*b1 -> conv3x3 /2 -> [VSS]*b2 -> conv3x3 /2 -> [VSS]*b3 -> conv3x3 /2 -> y
    h_a   y -> conv3x3 /2 -> [VSS]*h -> conv3x3 /2 -> z
    g_s, h_s   the mirrors of these, with transposed convolutions; h_s twice, for mean and for scale
    y     5 slices of channels, each in the two passes of a checkerboard: see `CheckerboardSlices`

Function and parameters are those of the authors' code (github.com/AuroraZengfh/MambaIC), so that its weights can be
imported; the paper's figure shows other transforms. Nothing stands between a convolution and the next block: all that
is not linear is in the blocks.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax

from hcfss_jax.entropy.checkerboard import CheckerboardSlices
from hcfss_jax.entropy.plan import CHECKERBOARD, Passes
from hcfss_jax.layers.convolution import ISOMETRY, SILENT, Initializer, conv
from hcfss_jax.layers.drop_path import branch_factors, dealt, linear_rates
from hcfss_jax.layers.numerics import PYTORCH
from hcfss_jax.layers.one_loop import in_turn
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.layers.swatten import SWAtten
from hcfss_jax.layers.transposed_conv import TransposedConv
from hcfss_jax.layers.vss import VSS
from hcfss_jax.layers.wavelet_start import forward_start, packet
from hcfss_jax.models.config import PORTED, SMALLEST, SMALLEST_PORTED, TINY, ModelConfig
from hcfss_jax.models.family import Family, Published
from hcfss_jax.models.hyperprior import HyperpriorModel
from hcfss_jax.models.transforms import HyperSynthesis

Rates = tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class MambaICConfig(ModelConfig):
    """Sizes of a MambaIC; 123.8 M parameters, of which its paper's 157 M count the context nets twice."""

    blocks: tuple[int, int, int] = (2, 2, 9)
    hyper_features: int = 320
    """Channels of each of the two maps that h_s makes."""
    state_size: int = 16
    expand: float = 2.0
    attention_dim: int = 128
    """Channels inside of SWAtten."""
    attention_head_dim: int = 16
    mlp_ratio: int = 4
    context_blocks: int = 2
    """Of VSS in each slice's context net."""
    idle_nets: bool = True
    """Whether the first slice has the nets that the authors' code computes there and does not use."""
    drop_path: float = 0.1
    """Probability of an image to go past the last block of a chain in training; see `drop_path`."""


VARIANTS = {
    "tiny": MambaICConfig(
        **TINY | {"blocks": (0, 1, 2)},
        hyper_features=32,
        state_size=1,
        expand=1.0,
        attention_dim=16,
        attention_head_dim=8,
        mlp_ratio=2,
        context_blocks=1,
        idle_nets=False,
        drop_path=0.0,
    ),
    "base": MambaICConfig(**PORTED),
}


class MambaIC(HyperpriorModel):
    """The model; see the module's drawing for its data flow and `HyperpriorModel` for its methods."""

    config: MambaICConfig

    @property
    def passes(self) -> Passes:
        """See `HyperpriorModel.passes`."""
        return CHECKERBOARD

    @property
    def paddable(self) -> bool:
        """Raster scans would meet the padding between two rows."""
        return False

    def setup(self) -> None:
        super().setup()
        c = self.config
        # Blocks start as their skips, and the transforms as a wavelet packet.
        vss = functools.partial(remat_if(self.remat, VSS), c.state_size, c.expand, out_init=SILENT)
        # Rates rise along g_a and on through h_a; and along h_s, either of its two, and on through g_s.
        rates = linear_rates(c.drop_path, sum(c.blocks) + c.hyper_blocks)
        *main, hyper = dealt(rates, (*c.blocks, c.hyper_blocks))
        widths: tuple[int, ...] = (*c.widths, sum(c.slices))
        starts = [forward_start(stage, ISOMETRY) for stage in packet(widths)]
        self.g_a = Chain(vss, widths, (5, 3, 3, 3), tuple(main), False, self.dtype, starts)
        self.h_a = Chain(vss, (c.hyper_width, c.hyper_channels), (3, 3), (hyper,), False)
        hyper, *main = dealt(rates, (c.hyper_blocks, *reversed(c.blocks)))
        widths = (*reversed(c.widths), 3)
        self.g_s = Chain(vss, widths, (3, 3, 3, 5), tuple(main), True, self.dtype, starts[::-1])
        h_s = (vss, (c.hyper_width, c.hyper_features), (3, 3), (hyper,), True)
        self.h_s = HyperSynthesis(functools.partial(Chain, *h_s))
        attention = functools.partial(
            remat_if(self.remat, SWAtten),
            c.attention_dim,
            head_dim=c.attention_head_dim,
            mlp_ratio=c.mlp_ratio,
        )
        rates = linear_rates(c.drop_path, c.context_blocks * len(c.slices))
        self.slices = CheckerboardSlices(
            c.slices,
            c.parameter_hidden,
            PYTORCH,
            attention,
            log_scale=False,
            vss=vss,
            rates=dealt(rates, (c.context_blocks,) * len(c.slices)),
            idle_nets=c.idle_nets,
        )


class Chain(nn.Module):
    """Convolutions of stride 2, and VSS blocks between them.

    `[B, H, W, C]` to `[B, H / 2^n, W / 2^n, widths[-1]]` after n convolutions; or, if `up`, to 2^n times the sides.
    """

    vss: Callable[..., nn.Module]
    """Makes a block."""
    widths: tuple[int, ...]
    kernels: tuple[int, ...]
    """Of each convolution, with its width."""
    rates: tuple[Rates, ...]
    """Of stochastic depth, for each block between two convolutions."""
    up: bool
    dtype: str | None = None
    starts: Sequence[Initializer] = ()
    """Of each convolution's kernel; as an isometry otherwise."""

    @nn.compact
    def __call__(self, x: jax.Array, level: jax.Array | None = None) -> jax.Array:
        """The same whatever the level."""
        resample = TransposedConv if self.up else functools.partial(conv, stride=2)
        for i, (width, kernel) in enumerate(zip(self.widths, self.kernels, strict=True)):
            if i:
                rates, name = self.rates[i - 1], f"stage{i}"
                blocks = [
                    self.vss(dtype=self.dtype, name=f"{name}_block{j + 1}")
                    for j in range(len(rates))
                ]
                x = in_turn(blocks, x, branch_factors(rates, "/".join((*self.path, name))))
            start = self.starts[i] if self.starts else ISOMETRY
            x = resample(width, kernel, dtype=self.dtype, kernel_init=start, name=f"conv{i + 1}")(x)
        return x


FAMILY = Family(
    MambaIC,
    VARIANTS,
    "Zeng et al., CVPR 2025, arXiv 2503.12461",
    small={
        "tiny": {
            **SMALLEST,
            "hyper_blocks": 0,
            "hyper_features": 8,
            "attention_dim": 8,
            "attention_head_dim": 4,
        },
        "base": {
            **SMALLEST_PORTED,
            "blocks": (1, 0, 1),
            "hyper_features": 6,
            "attention_dim": 8,
            "attention_head_dim": 4,
            "mlp_ratio": 2,
            "context_blocks": 1,
        },
    },
    title="MambaIC",
    url="https://arxiv.org/abs/2503.12461",
    held_to="authors' code",
    published=Published(
        {"Kodak": -12.52}, "VVC", "the paper, as a summary of it says", curve="MambaIC"
    ),
)
