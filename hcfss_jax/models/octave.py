"""Octave multi-resolution (arXiv 2209.03353, Signal Processing): every map, and every latent, at two resolutions.

    g_a     x - 1/2 -> GoConv5 /2, GDN, three times -> GoConv5 /2 -> y_h, y_l at strides 16 and 32
    h_a     y -> GoConv3 -> GoConv5 /2 -> GoConv5 /2 -> z_h, z_l at strides 64 and 128; leaky ReLU between
    h2_a    z -> GoConv3, three times -> z2_h, z2_l at the same strides; leaky ReLU between
    g_s, h_s, h2_s   their mirrors of GoTConv, with inverse GDN in g_s; h_s and h2_s give mean and scale
    coded   z2_h, z2_l: learned densities; Gaussians: z_l given h2_s; z_h given z_l_hat and h2_s;
            y_l given h_s and h2_s; y_h given y_l_hat, h_s and h2_s

GoConv: see `layers.octave_conv`; the nets of the Gaussians: `entropy.cross_resolution`. Known from a test script of the
authors, since deleted, are the layers, their order and sizes, the order of coding and the term for which `told` serves:
what is decoded at the low resolution, raised, is to resemble the high one. Its own convolutions serve nothing else.
Readings, each a field of the config: where an activation stands in GoTConv, whether both resolutions share a GDN, and
whether y_l's mean and scale share a convolution. The logarithm of the scale, 1/2 as the zero of pictures and gains for
the rates are ours; kernels are learned as they are, and not by their Fourier transforms, as the authors' are. What the
term for the loss has to itself, 819 thousand parameters of `base`, no file needs.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.entropy.cross_resolution import HighGivenLow, LowGivenHyper, Raised, gaussian_of
from hcfss_jax.entropy.distributions import Factorised
from hcfss_jax.entropy.factorised import FactorisedPrior
from hcfss_jax.entropy.plan import Plan, Step
from hcfss_jax.entropy.steps import Decoded, Latents, Prediction
from hcfss_jax.layers.area import Beyond
from hcfss_jax.layers.convolution import SILENT
from hcfss_jax.layers.octave_conv import Activation, GoConv, GoTConv, Starts
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.layers.transposed_conv import TransposedConv
from hcfss_jax.layers.wavelet_start import forward_start, of_sizes, packet
from hcfss_jax.models.config import RateConfig
from hcfss_jax.models.family import Family, Published
from hcfss_jax.models.hyperprior import gain_pair
from hcfss_jax.models.skeleton import CompressionModel

GREY = 0.5  # what g_a takes as zero
_Z2_START = (1.5, 1.5)  # of z2's gain: without, all of z2 rounds to 0 at first, and tells nothing
Maps = tuple[jax.Array, jax.Array]
"""High and low, `[B, h, w, C]` and `[B, h / 2, w / 2, C]`."""


@dataclasses.dataclass(frozen=True)
class OctaveConfig(RateConfig):
    """Sizes of an octave codec. Half of the channels, so many filters, lie at half the resolution."""

    filters: int = 256
    """Of y and of g_a and g_s; the authors take 448 for high rates."""
    hyper_filters: int = 256
    """Of z and z2; as `filters` in the authors' code."""
    hyper_hidden: int = 288
    """Filters inside of h_s and h2_s."""
    parameter_hidden: tuple[int, int] = (640, 512)
    """Channels inside of the nets of 1x1 convolutions."""
    gotconv_pre_activation: bool = False
    """Activations of g_s stand before the convolutions of a GoTConv, as in two re-implementations of it. By default
    behind them: the authors hand them over as a layer's `activation`."""
    one_gdn: bool = False
    """One GDN a layer; by default one a resolution."""
    share_l: bool = True
    """Mean and scale of y_l come from the same convolutions."""
    packet_start: bool = False
    """Whether the transforms start as a wavelet packet, see `layers.wavelet_start`: our choice, for short training."""

    def __post_init__(self) -> None:
        super().__post_init__()
        odd = [
            name for name in ("filters", "hyper_filters", "hyper_hidden") if getattr(self, name) % 2
        ]
        if odd:
            raise ValueError(
                f"{odd[0]}={getattr(self, odd[0])}: half of them are of each resolution"
            )
        if self.packet_start and self.filters < 12:
            raise ValueError(f"filters={self.filters}: 12 are the least that start as a packet")


VARIANTS = {
    "tiny": OctaveConfig(
        filters=96,
        hyper_filters=32,
        hyper_hidden=48,
        parameter_hidden=(96, 80),
        packet_start=True,
    ),
    "base": OctaveConfig(),
}


class Told(NamedTuple):
    """What z_h leaves: itself as it was coded, and what h_s tells y."""

    z_h: jax.Array
    told: Maps


class Resolution(nn.Module):
    """What is learned of one resolution's latents beside the transforms: their gains, and the density of z2."""

    config: OctaveConfig

    def setup(self) -> None:
        c = self.config
        self.gain_y, self.inverse_gain_y = gain_pair(c, c.filters // 2, c.gain_start)
        self.gain_z, self.inverse_gain_z = gain_pair(c, c.hyper_filters // 2)
        self.gain_z2, self.inverse_gain_z2 = gain_pair(c, c.hyper_filters // 2, _Z2_START)
        self.prior = FactorisedPrior(c.hyper_filters // 2, c.prior_filters, c.medians)


class SecondHyper(nn.Module):
    """The hyper layer above z."""

    config: OctaveConfig

    def setup(self) -> None:
        c = self.config
        self.h_a = HyperAnalysis(c.hyper_filters, (3, 3, 3), (1, 1, 1))
        self.h_s = HyperSynthesis(
            (c.hyper_filters, c.hyper_hidden, 2 * c.hyper_filters), (3, 3, 3), (1, 1, 1)
        )


class Octave(CompressionModel):
    """The model; see the module's drawing for its data flow and `CompressionModel` for its methods.

    Latents: y_h `[B, H / 16, W / 16, filters / 2]`, y_l at stride 32, z_h and z2_h at 64, z_l and z2_l at 128; all
    after their gains, and so seen by what predicts.
    """

    config: OctaveConfig

    @property
    def plan(self) -> Plan:
        """The second hyper layer; then of each latent the low resolution before the high one."""
        y, z = self.config.filters // 2, self.config.hyper_filters // 2
        return (
            Step("z2_h", 0, z, 64, distribution=Factorised),
            Step("z2_l", 0, z, 128, distribution=Factorised),
            Step("z_l", 0, z, 128),
            Step("z_h", 0, z, 64),
            Step("y_l", 0, y, 32),
            Step("y_h", 0, y, 16),
        )

    @property
    def paddable(self) -> bool:
        """Convolutions can do without what lies beyond a picture."""
        return True

    def setup(self) -> None:
        c = self.config
        self.high, self.low = Resolution(c), Resolution(c)
        self.g_a = Analysis(c, self.dtype, self.remat)
        self.g_s = Synthesis(c, self.dtype, self.remat)
        self.h_a = HyperAnalysis(c.hyper_filters, (3, 5, 5), (1, 2, 2))
        self.h_s = HyperSynthesis(
            (c.hyper_filters, c.hyper_hidden, 2 * c.filters), (5, 5, 3), (2, 2, 1)
        )
        self.second = SecondHyper(c)
        self.z_high, self.y_high = (HighGivenLow(c.parameter_hidden) for _ in range(2))
        self.y_low = LowGivenHyper(c.share_l)
        self.y_high_raised = Raised(c.filters // 2)
        self.alike_y = TransposedConv(c.filters // 2, 5)
        self.alike_z = TransposedConv(c.hyper_filters // 2, 5)

    def analyse(
        self, x: jax.Array, level: jax.Array, given: Mapping[str, jax.Array] = {}
    ) -> Latents:
        """See `CompressionModel.analyse`."""
        self.check(x, level)
        y_h, y_l = self.g_a(x)
        y_h = y_h.astype(jnp.float32) * self.high.gain_y(level)
        y_l = y_l.astype(jnp.float32) * self.low.gain_y(level)
        z_h, z_l = self.h_a(y_h, y_l)
        z_h, z_l = z_h * self.high.gain_z(level), z_l * self.low.gain_z(level)
        z2_h, z2_l = self.second.h_a(z_h, z_l)
        z2_h, z2_l = z2_h * self.high.gain_z2(level), z2_l * self.low.gain_z2(level)
        return {"z2_h": z2_h, "z2_l": z2_l, "z_l": z_l, "z_h": z_h, "y_l": y_l, "y_h": y_h}

    def predict(self, step: int, level: jax.Array, decoded: Decoded) -> Prediction:
        """See `CompressionModel.predict`."""
        match self.plan[step].latent:
            case "z2_h":
                return Prediction(self.high.prior())
            case "z2_l":
                return Prediction(self.low.prior())
            case "z_l":
                return Prediction(gaussian_of(decoded[1][1]))
            case "z_h":
                return Prediction(gaussian_of(self.z_high(decoded[2], decoded[1][0])))
            case "y_l":
                return Prediction(gaussian_of(self.y_low(decoded[3].told[1], decoded[1][1])))
        raised = self.y_high_raised(decoded[1][0])
        return Prediction(gaussian_of(self.y_high(decoded[4], raised, decoded[3].told[0])))

    def refine(
        self, step: int, level: jax.Array, decoded: Decoded, features: Any, quantised: jax.Array
    ) -> Any:
        """Of z2_l and z_h what their layer, now whole, tells of the one below; of all others what was decoded."""
        match self.plan[step].latent:
            case "z2_l":
                z2_h = decoded[0] * self.high.inverse_gain_z2(level)
                return self.second.h_s(z2_h, quantised * self.low.inverse_gain_z2(level))
            case "z_h":
                z_l = decoded[2] * self.low.inverse_gain_z(level)
                told = self.h_s(quantised * self.high.inverse_gain_z(level), z_l)
                return Told(quantised, told)
        return quantised

    def synthesise(self, decoded: Decoded, level: jax.Array) -> jax.Array:
        """See `CompressionModel.synthesise`."""
        y_l, y_h = decoded[4] * self.low.inverse_gain_y(level), decoded[5]
        return self.g_s(y_h * self.high.inverse_gain_y(level), y_l).astype(jnp.float32)

    def told(self, decoded: Decoded, level: jax.Array) -> Mapping[str, jax.Array]:
        """The "infidelity" `[B]`: MSE(up(y_l_hat), y_h_hat) + MSE(up(z_l_hat), z_h_hat), all as they were coded."""
        pairs = (self.alike_y, decoded[4], decoded[5]), (self.alike_z, decoded[2], decoded[3].z_h)
        y, z = (jnp.mean(jnp.square(up(low) - high), axis=(1, 2, 3)) for up, low, high in pairs)
        return {"infidelity": y + z}


class Analysis(nn.Module):
    """g_a: `[B, H, W, 3]` to y at strides 16 and 32."""

    beyond = Beyond.ANYTHING

    config: OctaveConfig
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> Maps:
        c = self.config
        maps: Any = (x - GREY,)
        for i, starts in enumerate(_down_starts(c)):
            maps = remat_if(self.remat, GoConv)(
                c.filters // 2,
                activation="gdn" if i < 3 else "none",
                one_gdn=c.one_gdn,
                dtype=self.dtype,
                starts=starts,
                name=f"down{i + 1}",
            )(*maps)
        return maps


class Synthesis(nn.Module):
    """g_s: y at two resolutions to `[B, H, W, 3]`, the mirror of g_a."""

    beyond = Beyond.ANYTHING

    config: OctaveConfig
    dtype: str = "float32"
    remat: bool = False

    @nn.compact
    def __call__(self, high: jax.Array, low: jax.Array) -> jax.Array:
        c, count = self.config, 4
        maps: Any = high, low
        bare = 0 if c.gotconv_pre_activation else count - 1  # the layer at an end of g_s
        for i, starts in enumerate(_up_starts(c)):
            maps = remat_if(self.remat, GoTConv)(
                c.filters // 2 if i < count - 1 else 3,
                activation="none" if i == bare else "inverse gdn",
                one_gdn=c.one_gdn,
                pre_activation=c.gotconv_pre_activation,
                dtype=self.dtype,
                starts=starts,
                only_high=i == count - 1,
                name=f"up{i + 1}",
            )(*maps)
        return maps + GREY


class HyperAnalysis(nn.Module):
    """GoConvs with leaky ReLU between, the last without a bias: two maps to two of `filters` / 2 channels each."""

    beyond = Beyond.ANYTHING

    filters: int
    kernels: tuple[int, ...]
    strides: tuple[int, ...]

    @nn.compact
    def __call__(self, high: jax.Array, low: jax.Array) -> Maps:
        maps: Any = high, low
        last = len(self.kernels) - 1
        for i, (kernel, stride) in enumerate(zip(self.kernels, self.strides, strict=True)):
            activation: Activation = "leaky relu" if i < last else "none"
            layer = GoConv(
                self.filters // 2,
                kernel,
                stride,
                activation,
                use_bias=i < last,
                name=f"conv{i + 1}",
            )
            maps = layer(*maps)
        return maps


class HyperSynthesis(nn.Module):
    """GoTConvs with leaky ReLU between: two maps to two of the last of `filters` / 2 channels each."""

    beyond = Beyond.ANYTHING

    filters: tuple[int, ...]
    kernels: tuple[int, ...]
    strides: tuple[int, ...]

    @nn.compact
    def __call__(self, high: jax.Array, low: jax.Array) -> Maps:
        maps: Any = high, low
        last = len(self.kernels) - 1
        layers = zip(self.filters, self.kernels, self.strides, strict=True)
        for i, (filters, kernel, stride) in enumerate(layers):
            activation: Activation = "leaky relu" if i < last else "none"
            maps = GoTConv(filters // 2, kernel, stride, activation, name=f"conv{i + 1}")(*maps)
        return maps


class _Packet(NamedTuple):
    """The stages of both resolutions, see `layers.wavelet_start`; what `low` begins with, `high` ends without.

    high: from strides 1, 2, 4 and 8. low: from 2, 4, 8 and 16.
    """

    high: list[np.ndarray]
    low: list[np.ndarray]


def _packet(c: OctaveConfig) -> _Packet:
    width = c.filters // 2
    shared = width // 4  # channels at stride 16, which the low resolution has in cells of 2x2
    *high, last = packet((width, width, width, shared + width))
    *_, fourth, fifth = packet((width, width, width, shared, 4 * shared))
    low = [*high[1:], *(of_sizes(stage, width, width) for stage in (fourth, fifth))]
    return _Packet([*high, last[..., shared:]], low)


def _down_starts(c: OctaveConfig) -> list[Starts]:
    """Of the layers of g_a: each resolution by itself, what they tell each other silent."""
    if not c.packet_start:
        return [()] * 4
    high, low = _packet(c)
    first = (("hh", forward_start(high[0])), ("hl", forward_start(low[0])))
    return [first, *map(_apart, high[1:], low[1:])]


def _up_starts(c: OctaveConfig) -> list[Starts]:
    """Of the layers of g_s, the inverse; the low resolution ends as a picture of half the sides."""
    if not c.packet_start:
        return [()] * 4
    high, low = _packet(c)
    averages = np.flatnonzero(np.all(high[0] == high[0][:1, :1], axis=(0, 1, 2)))[:3]
    last = (
        ("hh", forward_start(high[0])),
        ("ll", forward_start(low[0][:, :, averages])),
        ("lh", forward_start(high[0][..., averages])),
    )
    return [*map(_apart, high[:0:-1], low[:0:-1]), last]


def _apart(high: np.ndarray, low: np.ndarray) -> Starts:
    paths = ("hh", forward_start(high)), ("ll", forward_start(low))
    return (*paths, ("hl", SILENT), ("lh", SILENT))


FAMILY = Family(
    Octave,
    VARIANTS,
    "arXiv 2209.03353, Signal Processing",
    small={
        "tiny": {
            "filters": 16,
            "hyper_filters": 8,
            "hyper_hidden": 12,
            "parameter_hidden": (8, 6),
        },
    },
    title="octave",
    url="https://arxiv.org/abs/2209.03353",
    held_to="wiring of the authors' code; GoConv to reimplementations",
    published=Published(
        {},
        source="its abstract: better than VVC in 4:2:0; decodes in 27 and in 7 % of the time of two learned codecs",
    ),
)
