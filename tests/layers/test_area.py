"""Padding that no layer sees."""

import contextlib
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.layers.area import Beyond, beyond_of, only_within
from hcfss_jax.layers.attention_block import AttentionBlock
from hcfss_jax.layers.checkerboard_conv import CheckerboardConv
from hcfss_jax.layers.depthwise_block import DepthwiseBlock
from hcfss_jax.layers.enhancement import Enhancement
from hcfss_jax.layers.fstam import FSTAM
from hcfss_jax.layers.gated_attention import GatedAttention
from hcfss_jax.layers.hscatb import HSCATB
from hcfss_jax.layers.interaction import ChannelContext, GlobalContext
from hcfss_jax.layers.octave_conv import GoConv, GoTConv
from hcfss_jax.layers.remat import remat_if
from hcfss_jax.layers.residual import ResidualBlockUpsample, ResidualBlockWithStride
from hcfss_jax.layers.residual_group import RSTB
from hcfss_jax.layers.sft import SFTBlock
from hcfss_jax.layers.swin_v2 import RS2TB
from hcfss_jax.layers.transposed_conv import TransposedConv
from hcfss_jax.layers.vfss import VFSS
from hcfss_jax.layers.weconv import WeConvDown, WeConvUp
from hcfss_jax.layers.weconv3d import SubbandConv3D, Wavelet3D

_AREA, _SIZE = (12, 20), (24, 32)


class Told(nn.Module):
    """A map told of a condition of twice its sides."""

    beyond = Beyond.ANYTHING

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return SFTBlock(6)(nn.Conv(4, (3, 3), (2, 2), (1, 1))(x), x)


class ThereAndBack(nn.Module):
    """A map to two resolutions of half and a quarter of its sides, and back."""

    beyond = Beyond.ANYTHING

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        two = GoConv(6, activation="gdn")(*GoConv(6, 3, 1)(x))
        return GoTConv(5, activation="inverse gdn", only_high=True)(*two)


@pytest.mark.parametrize(
    ("layer", "scale"),
    [
        (VFSS(2, expand=1.0, afmm_hidden=4), 1),
        (DepthwiseBlock(), 1),
        (FSTAM(8, 6, 4, afmm_hidden=4), 1),  # windows that padding begins within
        (ResidualBlockWithStride(6, 2), 1 / 2),
        (ResidualBlockUpsample(6), 2),
        (GatedAttention(8, 6), 1),
        (WeConvDown(6), 1 / 2),
        (WeConvUp(6), 2),
        (WeConvDown(6, subbands=functools.partial(SubbandConv3D, wavelet="9/7", levels=1)), 1 / 2),
        (WeConvUp(5, subbands=SubbandConv3D), 2),
        (nn.Sequential([Wavelet3D("9/7")]), 1 / 2),
        (nn.Sequential([Wavelet3D("9/7", inverse=True)]), 2),
        (nn.Sequential([TransposedConv(6, 5)]), 2),
        (CheckerboardConv(6), 1),
        (AttentionBlock(), 1),
        (HSCATB(2, 8), 1),  # the picture ends within windows, and others hold none of it
        (RS2TB((0.0, 0.0), 2, position_hidden=4), 1),
        (Enhancement(6, 3), 1),
        (ChannelContext(6), 1),
        (GlobalContext(6, 2), 1),
        (ThereAndBack(), 1),
        (RSTB((0.0, 0.0), 2), 1),
        (Told(), 1 / 2),
    ],
    ids=[
        *("VFSS", "depthwise", "FSTAM", "RBS", "RBU", "gated", "WeConvDown", "WeConvUp"),
        *("3DM-WeConvDown", "3DM-WeConvUp", "W3", "W3 back"),
        *("transposed", "checkerboard", "attention", "HSCATB"),
        *("RS2TB", "enhancement", "AC", "AG", "octaves", "RSTB", "SFT"),
    ],
)
def test_within_its_area_a_layer_computes_what_it_would_without_padding(layer, scale) -> None:
    rng = np.random.default_rng(0)
    padded = jnp.asarray(rng.normal(size=(1, *_SIZE, 4)), jnp.float32)  # noise in the padding too
    exact = padded[:, : _AREA[0], : _AREA[1]]
    variables = layer.init(jax.random.key(0), exact)
    # As after training: no weight is zero, as the last ones of branches are at the start.
    variables = jax.tree.map(lambda a: a + 0.1 * rng.normal(size=a.shape), variables)
    wanted, finest = layer.apply(variables, exact), max(1, scale)

    @jax.jit
    def within(area: jax.Array, x: jax.Array) -> jax.Array:
        with only_within(finest * area, (finest * _SIZE[0], finest * _SIZE[1])):
            return layer.apply(variables, x)

    found = within(jnp.asarray(_AREA), padded)
    rows, columns = (round(scale * side) for side in _AREA)
    # Sums of some hundred float32 terms in another order.
    np.testing.assert_allclose(found[:, :rows, :columns], wanted, rtol=1e-4, atol=1e-4)
    unaware = layer.apply(variables, padded)[:, :rows, :columns]
    assert np.abs(unaware - wanted).max() > 0.01


class Blur(nn.Module):
    """A layer that nobody has thought about."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return x + jnp.roll(x, 1, axis=1)


class Said(Blur):
    """The same, thought about (and wrongly)."""

    beyond = Beyond.ZEROS


class Anew(Said):
    """What its parent says is not said of its own `__call__`."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return jnp.cumsum(x, axis=2)


class Around(nn.Module):
    """Holds one."""

    inner: nn.Module

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.inner(x)


@pytest.mark.parametrize("layer, says", [(Blur(), False), (Said(), True), (Anew(), False)])
def test_a_layer_that_does_not_say_what_it_has_to_find_is_not_padded(layer, says):
    assert (beyond_of(layer) is not None) == says
    x, area = jnp.ones((1, 8, 8, 1)), jnp.asarray((4, 4))
    refused = pytest.raises(TypeError, match=type(layer).__name__)
    with contextlib.nullcontext() if says else refused, only_within(area, (8, 8)):
        Around(layer).apply({}, x)


def test_a_rematerialised_layer_says_what_it_says_otherwise():
    assert beyond_of(remat_if(True, DepthwiseBlock)()) is Beyond.ANYTHING
