"""Weights of small models to PyTorch's names and layouts, and back."""

import functools

import numpy as np
import pytest

from hcfss_jax.errors import UnknownModel, WrongWeights
from hcfss_jax.models import create_model
from hcfss_jax.parameters import flatten, nest, parameter_shapes
from hcfss_jax.pytorch import from_state_dict, to_state_dict
from hcfss_jax.weights import make_package

SMALL = {
    "widths": (8, 8, 8),
    "blocks": (1, 1, 2),
    "hyper_width": 8,
    "hyper_blocks": 1,
    "hyper_channels": 4,
    "slices": (4, 6),
    "parameter_hidden": (5, 3),
    "head_dims": (4, 4, 4),
    "hyper_head_dim": 4,
    "attention_dim": 8,
    "attention_head_dim": 4,
    "mlp_ratio": 2,
}
MODELS = ["tcm-n64", "csm-base"]


@functools.cache
def package(name: str):
    """Random weights, all different."""
    model, rng = create_model(name, **SMALL), np.random.default_rng(0)
    params = {
        path: 0.1 * rng.normal(size=shape).astype(np.float32)
        for path, shape in parameter_shapes(model).items()
    }
    return make_package(model, name, nest(params), {}, dtype="float32")


@pytest.mark.parametrize("name", MODELS)
def test_weights_come_back_bit_for_bit(name):
    state = to_state_dict(package(name))
    again = from_state_dict(state, name, {"from": "there"}, **SMALL)
    assert again.fingerprint == package(name).fingerprint and again.meta == {"from": "there"}
    for path, array in flatten(again.params).items():
        np.testing.assert_array_equal(array, flatten(package(name).params)[path])


def test_no_two_parameters_share_a_place_there():
    state = to_state_dict(package("csm-base"))
    values = np.concatenate([v.ravel() for n, v in state.items() if "reparam" not in n])
    ours = np.concatenate([leaf.ravel() for leaf in flatten(package("csm-base").params).values()])
    assert np.isin(ours, values).all()


def test_names_of_older_code_and_of_several_gpus_are_known():
    state = {
        "module."
        + name.replace("bottleneck.matrices.", "bottleneck._matrix")
        .replace("bottleneck.biases.", "bottleneck._bias")
        .replace("bottleneck.factors.", "bottleneck._factor"): value
        for name, value in to_state_dict(package("tcm-n64")).items()
    }
    assert any("._matrix0" in name for name in state)
    again = from_state_dict(state, "tcm-n64", {}, **SMALL)
    assert again.fingerprint == package("tcm-n64").fingerprint


def test_every_name_that_does_not_fit_is_listed():
    state = to_state_dict(package("tcm-n64"))
    state["g_a.0.extra"] = state.pop("g_a.0.skip.bias")
    state["g_s.0.conv.bias"] = np.zeros(3, np.float32)
    with pytest.raises(WrongWeights) as raised:
        from_state_dict(state, "tcm-n64", {}, **SMALL)
    assert str(raised.value).splitlines()[1:] == [
        "  missing: g_a.0.skip.bias (8,)",
        "  unexpected: g_a.0.extra (8,)",
        "  of another shape: g_s.0.conv.bias is (3,), and should be (8,)",
    ]


@pytest.mark.parametrize("name", ["hcfssnet-tiny", "cmamba", "tcm-tiny", "nothing"])
def test_a_model_without_code_there_is_refused_with_those_that_have_it(name):
    with pytest.raises(UnknownModel, match="tcm"):
        from_state_dict({}, name, {})


def test_weights_with_gains_have_no_place_there():
    model = create_model("tcm-tiny", **SMALL)
    params = {path: np.zeros(shape, np.float32) for path, shape in parameter_shapes(model).items()}
    with pytest.raises(WrongWeights, match="gains"):
        to_state_dict(make_package(model, "tcm-tiny", nest(params), {}))
