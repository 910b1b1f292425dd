"""3DM-WeConvene (Fu et al. 2025, arXiv 2504.04658): WeConvene with wavelets along channels, too, and of more levels.

    g_a   x -> RBS /1 -> [RB]*b -> 3DM-WeConv /2 -> [RB]*b -> 3DM-WeConv /2 -> [RB]*b -> conv3x3 /2 -> W3 -> y
    g_s   y -> inverse W3 -> RBU x1 -> [RB]*b -> 3DM-WeConv x2 -> [RB]*b -> 3DM-WeConv x2 -> [RB]*b
            -> sub-pixel 3x3 -> x_hat
    h_a   y -> 3DM-WeConv /2 -> [RB]*h -> conv3x3 /2 -> z
    h_s   z_hat -> 3DM-WeConv x2 -> [RB]*h -> sub-pixel 3x3 -> map, once for mean and once for scale
    y     LF = [L.LL | H.LL] in four slices as WeConvene's; then LH, HL and HH, each [L | H] and one slice, from
          concat(map, all of LF, groups before) -> 3 convolutions

W3 is a wavelet along the channels, to halves L and H, and one of space, to LL, LH, HL and HH; inside of 3DM-WeConv
(`layers/weconv3d.py`) LL is taken apart once more. RB, RBS, RBU: residual blocks; with a stride, upsampling.

Known, from the abstract, a review and the name of a class in the authors' evaluation script: channels first and then
space, two levels, 3x3 on low and 1x1 on high frequencies, 5/3 or 9/7; LF before HF; in a second phase their rates are
weighed apart. Read from that name: LF in four slices, and simple nets for HF, those of a subband its own. The rest is
our reading, where our sources are silent: that WeConvene's WeConvs are what is replaced, one level in h_a and h_s, one
level of y, the order LH, HL, HH, what nets without a gate are, sides in multiples of 64 (their script pads to 128,
which none of these layers needs). No code of the model is public; only the wavelets could be held to recorded outputs.
"""

import dataclasses
import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import numpy as np

from hcfss_jax.entropy.channel_slices import AttendedSlices, PlainSlices
from hcfss_jax.layers.numerics import PYTORCH
from hcfss_jax.layers.weconv3d import SubbandConv3D, Wavelet3D
from hcfss_jax.models.config import PORTED, SMALLEST, TINY
from hcfss_jax.models.family import Family, Published
from hcfss_jax.models.hyperprior import Y_STRIDE
from hcfss_jax.models.subband_latent import SubbandConfig, SubbandModel
from hcfss_jax.ops.lifting import Neighbours, WaveletName, check_wavelet, lifting_matrix


@dataclasses.dataclass(frozen=True)
class WeConvene3DConfig(SubbandConfig):
    """Sizes of a 3DM-WeConvene."""

    slices: tuple[int, ...] = (80, 80, 80, 80)
    """Of LF. Together they are the channels at stride 8, and of what h_s says."""
    high_slices: tuple[int, ...] = (320, 320, 320)
    """Of HF, [LH | HL | HH] and each of them [L | H]; by default a slice is a subband of space."""
    wavelet: WaveletName = "5/3"
    """Of all transforms; the paper has two, and Haar is WeConvene's."""
    neighbours: Neighbours = "standard"
    """Along channels: as JPEG 2000, which the paper names, or as the authors' later code does, see `ops/lifting.py`."""
    wavelet_levels: int = 2
    """Of space, inside of the WeConvs of g_a and g_s."""
    hyper_wavelet_levels: int = 1
    """Inside of those of h_a and h_s. Each more doubles what the sides of pictures are multiples of: with two it is the
    128 of the authors' script."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_wavelet(self.wavelet, self.neighbours)

    def channel_transform(self) -> np.ndarray:
        """See `SubbandConfig.channel_transform`."""
        return lifting_matrix(self.wavelet, sum(self.slices), self.neighbours)


VARIANTS = {
    "tiny": WeConvene3DConfig(
        **TINY | {"widths": (8, 24, 48), "blocks": (0, 0, 1), "slices": (8, 8, 8, 8)},
        decoder_widths=(24, 48, 64),
        decoder_blocks=(0, 0, 1),
        high_slices=(32, 32, 32),
        attention_dim=16,
    ),
    "base": WeConvene3DConfig(**PORTED),
}


class WeConvene3D(SubbandModel):
    """The model; see the module's drawing for its data flow and `SubbandModel` for its latents and methods."""

    config: WeConvene3DConfig

    @property
    def multiple(self) -> int:
        """Every level halves the map that it is in: those inside of g_a at stride 4, those inside of h_a at 32."""
        c = self.config
        return max(4 << c.wavelet_levels, 2 * Y_STRIDE << c.hyper_wavelet_levels)

    @property
    def paddable(self) -> bool:
        """Wavelets are told where the picture ends."""
        return True

    def setup(self) -> None:
        super().setup()
        c = self.config
        self.wavelet = Wavelet3D(c.wavelet, c.neighbours)
        self.inverse_wavelet = Wavelet3D(c.wavelet, c.neighbours, inverse=True)

    def subbands(self) -> Callable[..., nn.Module]:
        """See `SubbandModel.subbands`."""
        return self._subbands_of(self.config.wavelet_levels)

    def hyper_subbands(self) -> Callable[..., nn.Module]:
        """See `SubbandModel.hyper_subbands`."""
        return self._subbands_of(self.config.hyper_wavelet_levels)

    def _subbands_of(self, levels: int) -> Callable[..., nn.Module]:
        c = self.config
        return functools.partial(
            SubbandConv3D, wavelet=c.wavelet, levels=levels, neighbours=c.neighbours
        )

    def make_high_slices(self, attention: Callable[..., nn.Module]) -> AttendedSlices:
        """See `SubbandModel.make_high_slices`; they have no gates."""
        c = self.config
        return PlainSlices(c.high_slices, c.parameter_hidden, PYTORCH, log_scale=False)

    def to_subbands(self, y: jax.Array) -> jax.Array:
        """See `SubbandModel.to_subbands`."""
        return self.wavelet(y)

    def from_subbands(self, bands: jax.Array) -> jax.Array:
        """See `SubbandModel.from_subbands`."""
        return self.inverse_wavelet(bands)


FAMILY = Family(
    WeConvene3D,
    VARIANTS,
    "Fu et al. 2025, arXiv 2504.04658",
    small={
        "tiny": {
            **SMALLEST,
            "hyper_blocks": 1,
            "widths": (8, 8, 7),
            "decoder_widths": (8, 8, 8),
            "decoder_blocks": (1, 0, 1),
            "slices": (2, 4),
            "high_slices": (6, 6, 6),
            "attention_dim": 8,
        },
    },
    title="3DM-WeConvene",
    url="https://arxiv.org/abs/2504.04658",
    held_to="our reading; wavelets to recorded outputs",
    published=Published(
        {"Kodak": -12.24, "Tecnick": -15.51, "CLIC": -12.97}, "VVC", "its abstract"
    ),
)
