"""Layers against the outputs of their PyTorch originals, with weights that come from a formula."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax import layers, ops
from hcfss_jax.entropy import FactorisedPrior, gaussian_bits, scale_position, scale_table
from hcfss_jax.entropy.channel_slices import ParameterNet
from hcfss_jax.layers.numerics import PYTORCH
from hcfss_jax.layers.sft import SFT as SFTLayer
from hcfss_jax.layers.sft import SFTBlock
from hcfss_jax.models.csm import SwinHybrid, VSSHybrid
from hcfss_jax.models.s2lic import HyperAnalysis, HyperSynthesis
from hcfss_jax.ops.scan_lines import lines_of
from hcfss_jax.pytorch import csm, mambaic, s2lic, tcm, weconvene
from hcfss_jax.pytorch import layers as names
from hcfss_jax.pytorch.layouts import layout_of
from hcfss_jax.pytorch.names import within
from hcfss_jax.weights.parameters import flatten, nest
from tests.golden.formula import HERE, module_input, weights

DATA = {k: a for f in HERE.glob("*modules.npz") for k, a in np.load(f).items()}
RECORD = {k: r for f in HERE.glob("*modules.json") for k, r in json.loads(f.read_text()).items()}

# Of contexts no code is public: these names are those of the recorded assembly of others' parts.
DEFORMABLE = {
    "query": "proj_q",
    "key": "proj_k",
    "value": "proj_v",
    "out": "proj_out",
    "offset_conv": "conv_offset.0",
    "offset_norm": "conv_offset.1.norm",
    "offset": "conv_offset.3",
}
INTERACTION = {
    "depthwise": "dw.0",
    "spatial_map.squeeze": "s.net.0",
    "spatial_map.excite": "s.net.3",
    "channel_map.squeeze": "c.net.1",
    "channel_map.excite": "c.net.4",
    "out": "proj",
}
CHANNEL = INTERACTION | {"conv1": "att.0", "conv2": "att.2"}
GLOBAL = INTERACTION | {"conv": "conv", **within("attention", "att", DEFORMABLE)}

swin = functools.partial(layers.SwinBlock, numerics=PYTORCH)
hybrid = functools.partial(layers.HybridBlock, local_skip=True)
# The layer, and what its modules are called there.
CASES = {
    "ss2d_d32": (layers.SS2D(numerics=PYTORCH), names.SS2D),
    "vss_d32": (layers.VSS(), names.VSS),
    "vss_d40_b2": (layers.VSS(), names.VSS),
    "wmsa_sw8": (layers.WindowAttention(8, 8, True), names.MSA),
    "swin_w8": (swin(8), names.SWIN),
    "swin_sw8": (swin(8, shifted=True), names.SWIN),
    "swin_w4": (swin(16, 4), names.SWIN),
    "swin_sw4": (swin(16, 4, True), names.SWIN),
    "channel_attention": (layers.ACP(), csm.ACP),
    "convmamba": (VSSHybrid(layers.VSS(), local_skip=True), csm.HYBRID),
    "swincnn_1": (SwinHybrid(swin(16), local_skip=True), csm.HYBRID),
    "swincnn_2": (
        SwinHybrid(swin(16, shifted=True), local_skip=True, attended=False),
        csm.HYBRID,
    ),
    "conv_trans_w": (hybrid(swin(8, 4)), tcm.HYBRID),
    "conv_trans_sw": (hybrid(swin(8, 4, True)), tcm.HYBRID),
    "swatten": (layers.SWAtten(128, 64), names.ATTENTION),
    "swatten_weconvene": (layers.GatedAttention(128, 64), weconvene.ATTENTION),
    "weconv_down": (layers.WeConvDown(24), weconvene.DOWN),
    "weconv_up": (layers.WeConvUp(16), weconvene.UP),
    "res_block": (layers.ResidualBlock(), names.RESIDUAL),
    "rb_stride2": (layers.ResidualBlockWithStride(32), names.DOWN),
    "rb_stride1": (layers.ResidualBlockWithStride(16, stride=1), names.DOWN),
    "rb_up1": (layers.ResidualBlockUpsample(16, factor=1), names.UP),
    "rb_up2": (layers.ResidualBlockUpsample(16), names.UP),
    "gdn": (layers.GDN(), names.ITSELF),
    "igdn": (layers.GDN(inverse=True), names.ITSELF),
    "subpel": (layers.SubPixelConv(3), names.SUB_PIXEL),
    "conv5_s2": (layers.conv(8, 5, stride=2), names.ITSELF),
    "deconv3_s2": (layers.TransposedConv(12), names.ITSELF),
    "deconv5_s2": (layers.TransposedConv(3, 5), names.ITSELF),
    "enh_dense_block": (layers.DenseBlock(16), s2lic.DENSE),
    "enh_module_fwd": (
        layers.Enhancement(16),
        within("", "forw_enh.layers", s2lic.ENHANCEMENT),
    ),
    "enh_module_rev": (
        layers.Enhancement(16),
        within("", "back_enh.layers", s2lic.ENHANCEMENT),
    ),
    "swinv2_w8": (layers.SwinV2Block(8), s2lic.SWIN_V2),
    "swinv2_sw8": (layers.SwinV2Block(8, shifted=True), s2lic.SWIN_V2),
    "rs2tb": (layers.RS2TB((0.0, 0.0), 8), s2lic.group(2)),
    "mlic_h_a": (HyperAnalysis(12, 12), s2lic.H_A),
    "mlic_h_s": (HyperSynthesis((20, 30, 40)), s2lic.H_S),
    "mlic_ep": (
        ParameterNet((320, 256, 128), 16, PYTORCH, kernel=1),
        s2lic.pointwise((320, 256, 128)),
    ),
    "dattn_nope": (layers.DeformableAttention(8), DEFORMABLE),
    "s2lic_ac": (layers.ChannelContext(64), CHANNEL),
    "s2lic_ag": (layers.GlobalContext(32), GLOBAL),
    "checkerboard_conv": (layers.CheckerboardConv(16), mambaic.CHECKERBOARD),
    "elic_ckbd_conv": (layers.CheckerboardConv(16), mambaic.CHECKERBOARD),
    "attention_block": (layers.AttentionBlock(), names.ATTENTION_BLOCK),
    "bottleneck_block": (layers.ResidualBottleneck(), names.BOTTLENECK),
    "hscatb_sasa": (
        layers.SaSA(10),
        {
            **{"high.qkv": "h_qkv", "high.out": "h_proj"},
            **{"low.query": "l_q", "low.key_value": "l_kv", "low.out": "l_proj"},
        },
    ),
    "hscatb_casa": (layers.CaSA(), {"narrow": "fc1", "wide": "fc2"}),
    "hscatb_mlgffn": (
        layers.MLGFFN(),
        {
            **{"norm": "ln", "in3": "pw1", "in5": "pw2"},
            **{"depthwise3": "dw1", "depthwise5": "dw2"},
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_layer_is_the_function_of_its_original(name):
    layer, table = CASES[name]
    record = RECORD[name]
    x = DATA[f"{name}/x"] if f"{name}/x" in DATA else module_input(name, record["input"])
    x, wanted = (_channels_last(a, record["layout"]) for a in (x, DATA[f"{name}/y"]))
    made = _folded(weights(record["parameters"]))
    found = jax.jit(layer.apply)({"params": _parameters(layer, (x,), name, table, made)}, x)
    tolerance = max(1e-5, 10 * record["max_abs_f32_f64"])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    "name, transform", [("dwt_haar", ops.haar), ("idwt_haar", ops.inverse_haar)]
)
def test_the_haar_transform_has_the_signs_and_the_order_of_the_original(name, transform):
    x, wanted = (DATA[f"{name}/{a}"].transpose(0, 2, 3, 1) for a in "xy")
    np.testing.assert_allclose(transform(x), wanted, rtol=0, atol=2e-6)


OCTAVES = {
    "goconv_first": layers.GoConv(6, activation="gdn"),
    "goconv_gdn": layers.GoConv(6, activation="gdn"),
    "goconv_lrelu3": layers.GoConv(6, 3, 1, "leaky relu"),
    "gotconv_igdn": layers.GoTConv(6, activation="inverse gdn"),
    "gotconv_last": layers.GoTConv(3, only_high=True),
}


@pytest.mark.parametrize("name", OCTAVES)
def test_an_octave_convolution_is_what_an_independent_one_computes(name):
    """No code of the authors is public: these outputs are of another implementation of the same reading."""
    layer, record = OCTAVES[name], RECORD[name]
    maps, wanted = (
        tuple(_channels_last(DATA[f"{name}/{a}"], record["layout"]) for a in record[kind])
        for kind in ("inputs", "outputs")
    )
    paths = {part: part for part in ("hh", "hl", "ll", "lh", "gdn_h", "gdn_l")}
    made = weights(record["parameters"])
    found = jax.jit(layer.apply)({"params": _parameters(layer, maps, name, paths, made)}, *maps)
    tolerance = max(1e-5, 10 * record["max_abs_f32_f64"])
    for ours, theirs in zip(jax.tree.leaves(found), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


SFT = {"shared": "mlp_shared.0", "factor": "mlp_gamma", "shift": "mlp_beta"}
TOLD = {
    "sft": (SFTLayer(32), SFT),
    "sft_resblk": (
        SFTBlock(),
        {
            **{"conv1": "conv_0", "conv2": "conv_1"},
            **within("sft1", "norm_0", SFT),
            **within("sft2", "norm_1", SFT),
        },
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_a_spatial_feature_transform_is_that_of_the_codec_of_quality_maps(name):
    (layer, table), record = TOLD[name], RECORD[name]
    maps = [_channels_last(DATA[f"{name}/{a}"], record["layout"]) for a in ("x", "q")]
    wanted = _channels_last(DATA[f"{name}/y"], record["layout"])
    made = weights(record["parameters"])
    found = jax.jit(layer.apply)({"params": _parameters(layer, maps, name, table, made)}, *maps)
    tolerance = max(1e-5, 10 * record["max_abs_f32_f64"])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance)


def _channels_last(x: np.ndarray, layout: str) -> np.ndarray:
    return x.transpose(0, 2, 3, 1) if layout == "NCHW" else x


def _folded(made: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Each batch norm, at its running statistics, in the convolution before it, whose number there is one less."""
    for norm in [name.removesuffix(".running_mean") for name in made if "running_mean" in name]:
        outer, number = norm.rsplit(".", 1)
        conv = f"{outer}.{int(number) - 1}"
        mean, variance, scale, bias = (
            made.pop(f"{norm}.{leaf}") for leaf in ("running_mean", "running_var", "weight", "bias")
        )
        factor = scale / np.sqrt(variance + 1e-5)
        made[f"{conv}.weight"] = made[f"{conv}.weight"] * factor[:, None, None, None]
        made[f"{conv}.bias"] = (made[f"{conv}.bias"] - mean) * factor + bias
    return made


def _parameters(layer, inputs, name, table, made):
    """The weights of a layer alone, in our layout; every one of them is used."""
    params, used = {}, set()
    shapes = jax.eval_shape(layer.init, jax.random.key(0), *inputs)["params"]
    for path, leaf in flatten(shapes).items():
        module, _, last = path.rpartition(".")
        layout = layout_of(module, last, leaf.shape)
        there = ".".join(part for part in (name, table[module], layout.leaf) if part)
        params[path] = layout.here(made[there], leaf.shape)
        used.add(there)
    assert used == {
        name for name in made if not name.startswith("weconv_down.conv2")
    }  # spare there
    return nest(params)


def test_the_four_sequences_are_those_of_the_original():
    image = jnp.arange(35.0).reshape(1, 5, 7, 1)
    for line, wanted in zip(lines_of("raster", 4), DATA["cross_scan/order"], strict=True):
        steps = line.layout.unfold(image).ravel()
        np.testing.assert_array_equal(steps[::-1] if line.reverse else steps, wanted)


def test_the_selective_scan_is_that_of_the_original():
    u, delta, a, b, c, d, bias = (
        DATA[f"selective_scan/{n}"] for n in ("u", "delta", "A", "B", "C", "D", "delta_bias")
    )
    dt = jax.nn.softplus(delta + bias[:, None])
    lines, inner = b.shape[1], len(d) // b.shape[1]
    for k in range(lines):
        own = slice(k * inner, (k + 1) * inner)
        steps = [
            x.transpose(2, 0, 1)[:, :, None] for x in (u[:, own], dt[:, own], b[:, k], c[:, k])
        ]
        found = ops.selective_scan(*steps[:2], a[own].T, *steps[2:], d[own])
        wanted = DATA["selective_scan/y"][:, own].transpose(2, 0, 1)
        np.testing.assert_allclose(found[:, :, 0], wanted, rtol=0, atol=4e-5)


def test_the_factorised_prior_is_that_of_the_original():
    prior = FactorisedPrior(8, (3, 3, 3, 3), medians=True)
    x, x_hat, likelihood = (
        DATA[f"entropy_bottleneck/{n}"].transpose(0, 2, 3, 1) for n in ("x", "x_hat", "likelihood")
    )
    shapes = jax.eval_shape(prior.init, jax.random.key(0))["params"]
    record = RECORD["entropy_bottleneck"]["parameters"]
    made = weights(record)
    params = {}
    for leaf, array in shapes.items():
        layout = layout_of("prior", leaf, array.shape)
        params[leaf] = layout.here(made[f"entropy_bottleneck.{layout.leaf}"], array.shape)
    bound = prior.apply({"params": params})
    q = jnp.round(bound.centred(x))
    np.testing.assert_allclose(bound.value(q), x_hat, atol=1e-6)
    np.testing.assert_allclose(2.0 ** -bound.bits(q), likelihood, rtol=1e-4, atol=1e-6)
    grid = np.broadcast_to(DATA["entropy_bottleneck/grid"][:, None], (81, 8))
    np.testing.assert_allclose(
        bound.logits(grid).T, DATA["entropy_bottleneck/cdf_logits"], rtol=1e-5, atol=1e-5
    )


def test_the_gaussian_and_its_table_are_those_of_the_original():
    x, means, scales, likelihood = (
        DATA[f"gaussian_conditional/{n}"] for n in ("x", "means", "scales", "likelihood")
    )
    bits = gaussian_bits(jnp.round(x - means), jnp.log(jnp.maximum(scales, 0.11)))
    np.testing.assert_allclose(2.0**-bits, likelihood, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(scale_table(), DATA["scale_table/table"], rtol=1e-6)
    # Theirs is the first table at least as wide; ours is the nearest.
    position = np.asarray(scale_position(jnp.log(DATA["scale_table/scales"])))
    assert np.all(np.abs(DATA["scale_table/index"] - position) <= 1.001)
