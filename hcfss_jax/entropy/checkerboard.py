"""MambaIC's context model: slices of channels, each in the two passes of a checkerboard."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from hcfss_jax.entropy.channel_slices import AttendedSlices
from hcfss_jax.entropy.plan import Lattice, Plan, Step
from hcfss_jax.entropy.steps import Decoded, Prediction
from hcfss_jax.layers.checkerboard_conv import CheckerboardConv
from hcfss_jax.layers.convolution import conv
from hcfss_jax.layers.drop_path import branch_factors
from hcfss_jax.layers.one_loop import each, in_turn


def in_checkerboards(
    latent: str,
    channels: Sequence[int],
    stride: int,
    passes: tuple[Lattice, Lattice] = ("even", "odd"),
) -> Plan:
    """A latent in slices of channels, of each first the anchors and then the others.

    passes: where row + column is even for anchors, unless it says otherwise.
    """
    firsts = [sum(channels[:i]) for i in range(len(channels))]
    return tuple(
        Step(latent, first, count, stride, lattice)
        for first, count in zip(firsts, channels, strict=True)
        for lattice in passes
    )


class Supported(NamedTuple):
    """What the two passes of a slice share, computed once: all that the slices before it say."""

    support: jax.Array
    """Attended features, for the latent residual prediction."""
    told: tuple[jax.Array, ...]
    """Mean and scale as the slices before tell them; of the first slice none, as there are none before it."""


class Anchors(NamedTuple):
    """What a first pass leaves for the second."""

    values: jax.Array
    """Quantised; 0 at all other positions."""
    supported: Supported


class ContextNet(nn.Module):
    """VSS blocks in turn and a 3x3 convolution to `features` channels."""

    vss: Callable[..., nn.Module]
    rates: tuple[float, ...]
    """Of stochastic depth, one for each block."""
    features: int

    @nn.compact
    def __call__(self, x: jax.Array, step: int) -> jax.Array:
        """`[B, h, w, C]` to `[B, h, w, features]`. step: for which it is; the net serves two."""
        blocks = [self.vss(name=f"block{j + 1}") for j in range(len(self.rates))]
        place = "/".join((*self.path, str(step)))
        return conv(self.features, name="out")(
            in_turn(blocks, x, branch_factors(self.rates, place))
        )


class CheckerboardSlices(AttendedSlices):
    """The entropy model of MambaIC (Zeng et al., CVPR 2025, arXiv 2503.12461), two coding steps a slice.

    What TCM predicts as mean and scale of slice i, here is context; either pass makes of it

        concat(anchors' 5x5, (mean, scale), hyper features of both) -> VSS blocks, 3x3 -> split -> attention for each

    with the same nets. In the first pass the anchors' 5x5 is 0. The two parts of a slice, which are 0 at each other's
    positions, are added up, and latent residual prediction sees the sum.
    """

    vss: Callable[..., nn.Module] = nn.Module
    """Makes a VSS block."""
    rates: tuple[tuple[float, ...], ...] = ()
    """Of stochastic depth, for each slice those of the blocks of its context net."""
    idle_nets: bool = True
    """Whether the first slice has nets for mean and scale, which it does not use."""

    def setup(self) -> None:
        super().setup()
        self.anchor_conv = [CheckerboardConv(2 * n) for n in self.slices]
        self.context_net = [
            ContextNet(self.vss, rates, 2 * n)
            for rates, n in zip(self.rates, self.slices, strict=True)
        ]
        self.mean_gate = [self.attention() for _ in self.slices]
        self.scale_gate = [self.attention() for _ in self.slices]

    def predict(
        self, number: int, hyper: tuple[jax.Array, jax.Array], decoded: Decoded
    ) -> Prediction:
        """See `ChannelSlices.predict`. number: of the step, two a slice; decoded: what `refine` made of each before."""
        slice_, second = divmod(number, 2)
        if second:
            anchors: Anchors = decoded[-1]
            supported, context = anchors.supported, self.anchor_conv[slice_](anchors.values)
        else:
            supported = self._supported(slice_, hyper, decoded[1::2])
            context = jnp.zeros((*hyper[0].shape[:-1], 2 * self.slices[slice_]), hyper[0].dtype)
        known = jnp.concatenate([context, *supported.told, *hyper], axis=-1)
        features = self.context_net[slice_](known, number)
        gates = self.mean_gate[slice_], self.scale_gate[slice_]
        mean, scale = each(gates, jnp.split(features, 2, axis=-1))
        return Prediction(self.gaussian(mean, scale), anchors if second else supported)

    def _supported(
        self, slice_: int, hyper: tuple[jax.Array, jax.Array], before: Decoded
    ) -> Supported:
        if not before and not self.idle_nets:
            return Supported(self.mean_attention[slice_](hyper[0]), ())
        support = self.support(slice_, hyper, before)
        told = each((self.mean_net[slice_], self.scale_net[slice_]), support)
        return Supported(support[0], tuple(told) if before else ())

    def refine(
        self, number: int, features: Supported | Anchors, quantised: jax.Array
    ) -> Anchors | jax.Array:
        """Of a first pass the anchors; of a second its slice of y_hat, anchors and all."""
        if isinstance(features, Supported):
            return Anchors(quantised, features)
        whole = features.values + quantised
        return super().refine(number // 2, features.supported.support, whole)
