"""FHIC's parts against the authors' earlier codec (Fu et al., arXiv 2107.06463), and deformable convolutions."""

import dataclasses
import functools
import json

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.entropy.mixture import NINE, Mixture
from hcfss_jax.entropy.two_pass import SLOPE, TwoPassContext
from hcfss_jax.layers.attention_block import AttentionBlock
from hcfss_jax.layers.deformable_conv import deformable_conv
from hcfss_jax.layers.residual import ResidualBottleneck
from hcfss_jax.models.fhic import Analysis, FHICConfig, HyperSynthesis, Synthesis
from hcfss_jax.models.s2lic import HyperAnalysis
from hcfss_jax.pytorch.names import within
from hcfss_jax.weights.parameters import flatten, nest
from tests.golden.formula import HERE, weights

DATA = np.load(HERE / "fhic_modules.npz")
RECORD = json.loads((HERE / "fhic_modules.json").read_text())
CONFIG = FHICConfig(widths=(16, 16, 16), slices=(16,), deformable=())

UNIT = {"narrow": "conv0", "conv": "conv1", "wide": "conv2"}
ATTENTION = {"gate": "conv_1x1"}
for i in range(3):
    ATTENTION |= within(f"trunk{i + 1}", f"trunk_RB_{i}", UNIT)
    ATTENTION |= within(f"gate{i + 1}", f"attention_RB_{i}", UNIT)


def crb(stage: int, block: str, inner: str = "") -> dict[str, str]:
    layers = ("block1.conv1", "block1.conv2", "block2.conv1", "block2.conv2")
    there = [f"{block}_layer_0", f"{block}_layer_1"]
    there += [f"{inner}{block}_layer_2", f"{inner}{block}_layer_3"]
    return within(f"stage{stage}_block1", "", dict(zip(layers, there, strict=True)))


def g_a() -> dict[str, str]:
    names = {"out": "Block_3_layer_2@2", **crb(3, "Block_3")}
    for i in range(3):
        again, block = "@2" if i else "", f"Block_{i}"
        down = {"skip": "shortcut", "conv1": f"layer_2{again}", "conv2": f"layer_3{again}"}
        down |= {"gdn": f"layer_3{again}.gdn"}
        names |= {f"down{i + 1}.{here}": f"{block}_{there}" for here, there in down.items()}
        names |= crb(i, block) if i else {}
    names |= within("stage2_attention", "NLAB_0", ATTENTION)
    return names | within("attention", "NLAB_1", ATTENTION)


def g_s() -> dict[str, str]:
    names = {"out.conv": "Block_3_layer_2"}
    for i in range(4):
        block = f"Block_{i}"
        names |= crb(4 - i, block, f"{block}_layer_1.")
        up = {
            "skip.conv": "shortcut",
            "up.conv": "layer_2",
            "conv": "layer_3",
            "gdn": "layer_3.gdn",
        }
        if i < 3:
            names |= {f"up{3 - i}.{here}": f"{block}_{there}" for here, there in up.items()}
    names |= within("attention", "NLAB_0", ATTENTION)
    return names | within("stage2_attention", "NLAB_1", ATTENTION)


H_A = {f"conv{i + 1}": f"layer_{i}" for i in range(4)} | {"conv5": "layer_4"}
H_S = {"conv1": "layer_0", "up1": "layer_1", "conv2": "layer_2", "up2": "layer_3", "out": "layer_4"}
LEVEL = (jnp.zeros(1),)
CASES = {
    "gllmm_rb": (ResidualBottleneck(), UNIT, "residual_block", ()),
    "gllmm_nlab": (AttentionBlock(bare_units=True), ATTENTION, "NonLocalAttentionBlock", ()),
    "gllmm_g_a": (Analysis(CONFIG), g_a(), "analysis", LEVEL),
    "gllmm_g_s": (Synthesis(CONFIG), g_s(), "synthesis", LEVEL),
    "gllmm_h_a": (
        HyperAnalysis(16, 16, functools.partial(nn.leaky_relu, negative_slope=SLOPE)),
        H_A,
        "hyper_analysis",
        (),
    ),
    "gllmm_h_s": (HyperSynthesis(16, 32), H_S, "hyper_synthesis", ()),
}


@pytest.mark.parametrize("name", CASES)
def test_a_part_is_the_function_of_its_original(name):
    layer, table, scope, more = CASES[name]
    record, x = RECORD[name], DATA[f"{name}/x"]
    made = weights(record["parameters"])
    params = _parameters(layer, (x, *more), table, f"{name}.{scope}", made)
    found = jax.jit(layer.apply)({"params": params}, x, *more)
    found = found[0] if isinstance(found, tuple) else found
    tolerance = max(1e-5, 10 * record["max_abs_f32_f64"])
    np.testing.assert_allclose(found, DATA[f"{name}/y"], rtol=0, atol=tolerance)


def _parameters(layer, inputs, table, scope, made):
    """Theirs in our layout: kernels lie (out, in, rows, columns); cells of a shuffle come before channels; in most of a
    synthesis taps are counted from the other end."""
    params, used = {}, set()
    shapes = jax.eval_shape(layer.init, jax.random.key(0), *inputs)["params"]
    for path, leaf in flatten(shapes).items():
        module, _, last = path.rpartition(".")
        leaf_there = "weight" if last == "kernel" else last
        there = f"{scope}.{table[module]}.{leaf_there}"
        used.add(there)
        value = made[there]
        if last == "kernel":
            plain = "synthesis" not in scope or "NLAB" in there or "_layer_1.Block" in there
            value = value.transpose(2, 3, 1, 0)
            if module in ("up1", "up2"):  # of h_s, transposed convolutions
                value = value.transpose(0, 1, 3, 2)
            elif not plain:
                value = value[::-1, ::-1]
        if module.endswith(("up.conv", "skip.conv")) or module == "out.conv":
            cells = value.reshape(*value.shape[:-1], 4, -1)
            value = np.moveaxis(cells, -1, -2).reshape(value.shape)
        if last == "gamma":
            value = value.T
        params[path] = np.ascontiguousarray(value).reshape(leaf.shape)
    assert used == set(made)
    return nest(params)


def test_the_nets_and_the_mixture_are_those_of_the_original():
    record = RECORD["gllmm_ep"]
    made = weights(record["parameters"])
    scope = "gllmm_ep.entropy_parameter"

    def kernel(name):
        return made[f"{scope}.{name}.weight"].transpose(2, 3, 1, 0)

    # Their context is a serial one, masked otherwise; what is behind it is ours.
    x, phi = DATA["gllmm_ep/x"], DATA["gllmm_ep/phi"]
    causal = (np.arange(25) < 12).reshape(5, 5, 1, 1)
    context = (
        jax.lax.conv_general_dilated(
            x,
            kernel("masked") * causal,
            (1, 1),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        + made[f"{scope}.masked.bias"]
    )
    nets = TwoPassContext(4, (640, 1280))
    params = {
        "conv1": {"kernel": kernel("layer_0"), "bias": made[f"{scope}.layer_0.bias"]},
        "conv2": {"kernel": kernel("layer_1"), "bias": made[f"{scope}.layer_1.bias"]},
        "out": {"kernel": kernel("layer_2")},
    }
    known = jnp.concatenate([context, phi], axis=-1)
    nets = nets.bind({"params": {"parameter_net_0": params}})
    prediction = nets.predict(0, (known,), ())
    found = prediction.distribution
    scales = np.maximum(DATA["gllmm_ep/scales"], 0.11)
    np.testing.assert_allclose(found.means, DATA["gllmm_ep/means"], atol=4e-5)
    np.testing.assert_allclose(found.scales, scales, atol=4e-5)
    np.testing.assert_allclose(found.weights, _weights("gllmm_ep"), atol=1e-5)
    free = dataclasses.replace(found, scales=DATA["gllmm_ep/scales"])
    np.testing.assert_allclose(
        np.maximum(free.mass(x, x), 1e-6), DATA["gllmm_ep/likelihood"], atol=4e-5
    )


def _weights(name: str) -> np.ndarray:
    kinds = ("w_gauss", "w_laplace", "w_logistic")
    of_kinds = [
        DATA[f"{name}/{kind}"] * DATA[f"{name}/w_mix"][..., i : i + 1]
        for i, kind in enumerate(kinds)
    ]
    return np.concatenate(of_kinds, axis=-1)


def test_the_likelihood_is_that_of_the_distributions():
    given = Mixture(
        _weights("gllmm_likelihood"),
        DATA["gllmm_likelihood/mu"],
        DATA["gllmm_likelihood/scale"],
        NINE,
    )
    v = DATA["gllmm_likelihood/v"]
    np.testing.assert_allclose(
        np.maximum(given.mass(v, v), 1e-6),
        DATA["gllmm_likelihood/likelihood"],
        rtol=2e-4,
        atol=1e-8,
    )


@pytest.mark.parametrize("name, groups", [("deform_v1", 1), ("deform_v2", 2)])
def test_a_deformable_convolution_is_that_of_its_definition(name, groups):
    x, offset, weight = (DATA[f"{name}/{a}"] for a in ("x", "offset", "weight"))
    offsets = offset.transpose(0, 2, 3, 1).reshape(1, *x.shape[2:], groups, 9, 2)
    mask = None
    if groups == 2:
        mask = DATA[f"{name}/mask"].transpose(0, 2, 3, 1).reshape(offsets.shape[:-1])
    found = jax.jit(deformable_conv)(
        x.transpose(0, 2, 3, 1), weight.transpose(2, 3, 1, 0), offsets, mask
    )
    wanted = DATA[f"{name}/y"].transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found + DATA[f"{name}/bias"], wanted, atol=1e-5)
