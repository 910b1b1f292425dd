"""What a layer or a model cannot take is named when it is traced, with its value and what to do."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax import layers
from hcfss_jax.errors import HcfError, InvalidInput
from hcfss_jax.models.estimate import estimate
from tests.small_model import small_model

LAYERS = {
    "ACP": layers.ACP(),
    "AFMM": layers.AFMM(),
    "CASSM": layers.CASSM(),
    "FSTAM": layers.FSTAM(16),
    "GDN": layers.GDN(),
    "MLP": layers.MLP(8),
    "VFSS": layers.VFSS(),
    "SS2D": layers.SS2D(),
    "VONSS": layers.VONSS(),
    "VSS": layers.VSS(),
    "AttentionBlock": layers.AttentionBlock(),
    "CaSA": layers.CaSA(),
    "ChannelContext": layers.ChannelContext(8),
    "ChannelMap": layers.ChannelMap(),
    "CheckerboardConv": layers.CheckerboardConv(8),
    "CosineWindowAttention": layers.CosineWindowAttention(),
    "DeformableAttention": layers.DeformableAttention(),
    "ConcatenatedResidual": layers.ConcatenatedResidual(),
    "DeformableConv": layers.DeformableConv(8),
    "DeformableResidual": layers.DeformableResidual(),
    "DenseBlock": layers.DenseBlock(8),
    "DepthwiseBlock": layers.DepthwiseBlock(),
    "DepthwiseConv": layers.DepthwiseConv(),
    "Enhancement": layers.Enhancement(),
    "GatedAttention": layers.GatedAttention(16),
    "GoConv": layers.GoConv(8),
    "GoTConv": layers.GoTConv(8),
    "HSCATB": layers.HSCATB(16),
    "HybridBlock": layers.HybridBlock(layers.VFSS(parent=None)),
    "MLGFFN": layers.MLGFFN(),
    "MapMean": layers.MapMean(),
    "PooledAttention": layers.PooledAttention(16),
    "GlobalContext": layers.GlobalContext(8),
    "RS2TB": layers.RS2TB((0.0,)),
    "RSTB": layers.RSTB((0.0,)),
    "ResidualBlock": layers.ResidualBlock(),
    "ResidualBlockUpsample": layers.ResidualBlockUpsample(8),
    "ResidualBlockWithStride": layers.ResidualBlockWithStride(8),
    "ResidualBottleneck": layers.ResidualBottleneck(),
    "ResidualUnit": layers.ResidualUnit(),
    "SWAtten": layers.SWAtten(16),
    "SaSA": layers.SaSA(16),
    "SpatialMap": layers.SpatialMap(),
    "SubPixelConv": layers.SubPixelConv(8),
    "SubbandConv": layers.SubbandConv(),
    "SubbandConv3D": layers.SubbandConv3D(),
    "SwinBlock": layers.SwinBlock(),
    "SwinV2Block": layers.SwinV2Block(),
    "TransposedConv": layers.TransposedConv(8),
    "Wavelet3D": layers.Wavelet3D(),
    "WeConvDown": layers.WeConvDown(8),
    "WeConvUp": layers.WeConvUp(8),
    "WindowAttention": layers.WindowAttention(),
}


def _trace(layer, x):
    return jax.eval_shape(layer.init, jax.random.key(0), x)


def test_every_public_layer_is_asked():
    functions = {"conv", "depth_to_space", "space_to_depth"}
    assert set(LAYERS) == set(layers.__all__) - functions


@pytest.mark.parametrize("name", LAYERS)
def test_pixels_as_integers_are_refused_by_every_layer(name):
    with pytest.raises(
        InvalidInput, match=rf"^{name} takes floats, not uint8 \[1, 8, 8, 32\]: con"
    ):
        _trace(LAYERS[name], jnp.zeros((1, 8, 8, 32), jnp.uint8))


@pytest.mark.parametrize("name", sorted(set(LAYERS) - {"MLP"}))
def test_a_map_without_its_batch_is_refused_by_every_layer(name):
    with pytest.raises(
        InvalidInput, match=rf"^{name} takes maps \[B, H, W, C\], not .*\[8, 8, 32\]"
    ):
        _trace(LAYERS[name], jnp.zeros((8, 8, 32)))


@pytest.mark.parametrize(
    ("layer", "channels", "says"),
    [
        (layers.VFSS(), 31, "VFSS takes a multiple of afmm_groups=2 channels, not 31"),
        (layers.AFMM(groups=4), 30, "AFMM takes a multiple of groups=4 channels, not 30"),
        (layers.WindowAttention(8), 12, "WindowAttention takes a multiple of head_dim=8 channels"),
        (layers.RS2TB((0.0,), 8), 12, "RS2TB takes a multiple of head_dim=8 channels, not 12"),
        (layers.RSTB((0.0,), 8), 12, "RSTB takes a multiple of head_dim=8 channels, not 12"),
        (layers.SwinV2Block(8), 12, "SwinV2Block takes a multiple of head_dim=8 channels, not 12"),
        (layers.GlobalContext(4), 48, "GlobalContext takes a multiple of head_dim=32 channels"),
        (layers.DeformableAttention(8), 4, "DeformableAttention takes a multiple of head_dim=8"),
        (layers.SwinBlock(8), 12, "SwinBlock takes a multiple of head_dim=8 channels, not 12"),
        (LAYERS["HybridBlock"], 9, "HybridBlock takes a multiple of 2 channels, not 9"),
        (layers.FSTAM(18), 8, "SwinBlock takes a multiple of head_dim=16 channels, not 18"),
        (layers.FSTAM(16, afmm_groups=3), 8, "AFMM takes a multiple of groups=3 channels, not 16"),
        (layers.CASSM(reduction=16), 8, "CASSM takes at least reduction=16 channels, not 8"),
        (layers.SubbandConv3D(), 1, "SubbandConv3D takes at least 2 channels, not 1"),
        (layers.Wavelet3D(inverse=True), 6, "Wavelet3D takes a multiple of 4 channels, not 6"),
        (layers.Wavelet3D("4/3"), 4, "wavelet='4/3': choose one of"),
        (layers.ACP(), 1, "ACP takes at least 2 channels, not 1"),
        (layers.SaSA(8), 8, "SaSA divides 1 heads by low_share=0.5, which leaves a path without"),
        (layers.PooledAttention(8), 12, "PooledAttention takes a multiple of head_dim=8 channels"),
        (layers.MLGFFN(), 9, "MLGFFN takes a multiple of 2 channels, not 9"),
        (layers.CaSA(16), 8, "CaSA takes at least shrink=16 channels, not 8"),
        (layers.ResidualUnit(), 1, "ResidualUnit takes at least 2 channels, not 1"),
        (layers.VONSS(directions=9), 8, r"directions=9: choose up to 8; 4 are"),
        (layers.VONSS(scan_lines="zigzag"), 8, "scan_lines='zigzag': choose one of"),
    ],
)
def test_widths_and_fields_that_do_not_fit_are_named(layer, channels, says):
    with pytest.raises(InvalidInput, match=says):
        _trace(layer, jnp.zeros((1, 8, 8, channels)))


def test_sides_that_a_skip_cannot_halve_are_named():
    block = layers.ResidualBlockWithStride(8, skip_kernel=2)
    with pytest.raises(InvalidInput, match="even heights and widths, not 8x7: pad"):
        _trace(block, jnp.zeros((1, 8, 7, 3)))


def test_two_maps_that_are_no_two_resolutions_of_one_are_named():
    high, low = jnp.zeros((1, 8, 8, 3)), jnp.zeros((1, 4, 8, 3))
    with pytest.raises(InvalidInput, match="GoTConv takes a low map .* 4x4 beside 8x8, not 4x8"):
        jax.eval_shape(layers.GoTConv(8).init, jax.random.key(0), high, low)


def test_channels_that_make_no_cells_are_named():
    with pytest.raises(InvalidInput, match="a multiple of 4 channels, not 6"):
        layers.depth_to_space(jnp.zeros((1, 2, 2, 6)))


IMAGES, LEVELS = np.zeros((2, 64, 128, 3), np.float32), np.zeros(2, np.float32)


@pytest.mark.parametrize(
    ("images", "levels", "says"),
    [
        (IMAGES.astype(np.uint8), LEVELS, r"floats, not uint8 .*astype\(jnp.float32\) / 255"),
        (IMAGES[:, :60], LEVELS, "multiples of 64, not 60x128: crop"),
        (IMAGES[:, :0], LEVELS, "multiples of 64, not 0x128"),
        (IMAGES[..., :1], LEVELS, r"RGB images \[B, H, W, 3\], not \[2, 64, 128, 1\]"),
        (IMAGES[0], LEVELS, r"RGB images \[B, H, W, 3\], not \[64, 128, 3\]"),
        (IMAGES, LEVELS[:1], r"one level for each of 2 images, .* not float32 \[1\]"),
        (IMAGES, LEVELS[0], r"one level for each of 2 images"),
    ],
)
def test_what_a_model_cannot_take_is_named_when_its_passes_are_traced(images, levels, says):
    model, key = small_model(), jax.random.key(0)
    with pytest.raises(InvalidInput, match=f"^HCFSSNet takes .*{says}"):
        jax.eval_shape(model.init, key, images, levels, key[None])
    evaluate = functools.partial(model.apply, {}, method="evaluate")
    with pytest.raises(ValueError, match=says):
        jax.eval_shape(evaluate, images, levels)


@pytest.mark.parametrize(
    ("images", "levels", "says"),
    [
        (IMAGES + 255, LEVELS, r"images in \[0, 1\], and these reach from 255 to 255: divide"),
        (IMAGES, LEVELS + 8, r"levels in \[0, 7\], not \[8.0, 8.0\]"),
        (IMAGES + np.nan, LEVELS, r"images in \[0, 1\]"),
    ],
)
def test_values_are_looked_at_where_they_are_at_hand(images, levels, says):
    with pytest.raises(InvalidInput, match=says):
        small_model().apply({}, images, levels, method="evaluate")


@pytest.mark.parametrize(
    ("rgb", "areas", "levels", "says"),
    [
        (IMAGES, np.ones((2, 2), int), LEVELS, "uint8 pixels .* not float32"),
        (
            IMAGES[:, :9].astype(np.uint8),
            np.ones((2, 2), int),
            LEVELS,
            "multiples of 64, not 9x128",
        ),
        (IMAGES.astype(np.uint8), np.ones((2, 3), int), LEVELS, r"not int64 \[2, 3\]"),
        (IMAGES.astype(np.uint8), np.ones((2, 2)), LEVELS, "not float64"),
        (IMAGES.astype(np.uint8), np.ones((2, 2), int), LEVELS + 9, r"levels in \[0, 7\]"),
    ],
)
def test_an_estimate_of_what_are_no_pictures_is_refused(rgb, areas, levels, says):
    with pytest.raises(HcfError, match=says):
        estimate(small_model(), {}, rgb, areas, levels)


@pytest.mark.parametrize(
    "fields, sides, told",
    [
        ({"activation": "relu"}, (8, 8), "activation='relu': choose one of"),
        ({"stride": 3}, (8, 8), "stride=3: 1 or 2"),
        ({}, (6, 8), "multiples of 4, not 6x8"),
        ({"stride": 1}, (3, 4), "multiples of 2, not 3x4"),
    ],
)
def test_an_octave_convolution_names_what_it_cannot_be_or_take(fields, sides, told):
    x = jnp.ones((1, *sides, 4))
    with pytest.raises(InvalidInput, match=told):
        jax.eval_shape(layers.GoConv(8, **fields).init, jax.random.key(0), x)


def test_a_last_octave_layer_without_a_low_map_makes_the_high_one_alone():
    layer, x = layers.GoTConv(3, only_high=True), jnp.ones((1, 4, 4, 4))
    assert jax.eval_shape(layer.init_with_output, jax.random.key(0), x)[0].shape == (1, 8, 8, 3)
