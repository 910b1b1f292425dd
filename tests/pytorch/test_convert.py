"""Weights of small models to PyTorch's names and layouts, and back."""

import numpy as np
import pytest

from hcfss_jax.errors import UnknownModel, WrongWeights
from hcfss_jax.models import create_model
from hcfss_jax.pytorch import from_state_dict, to_state_dict
from hcfss_jax.weights import make_package
from hcfss_jax.weights.parameters import flatten, nest, parameter_shapes
from tests.ported_model import MODELS, SMALL, package


@pytest.mark.parametrize("name", MODELS)
def test_weights_come_back_bit_for_bit(name):
    state = to_state_dict(package(name))
    again = from_state_dict(state, name, {"from": "there"}, **SMALL[name])
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
    again = from_state_dict(state, "tcm-n64", {}, **SMALL["tcm-n64"])
    assert again.fingerprint == package("tcm-n64").fingerprint


def test_every_name_that_does_not_fit_is_listed():
    state = to_state_dict(package("tcm-n64"))
    state["g_a.0.extra"] = state.pop("g_a.0.skip.bias")
    state["g_s.0.conv.bias"] = np.zeros(3, np.float32)
    with pytest.raises(WrongWeights) as raised:
        from_state_dict(state, "tcm-n64", {}, **SMALL["tcm-n64"])
    assert str(raised.value).splitlines()[1:] == [
        "  missing: g_a.0.skip.bias (8,)",
        "  unexpected: g_a.0.extra (8,)",
        "  of another shape: g_s.0.conv.bias is (3,), and should be (8,)",
    ]


def test_weights_that_are_no_finite_floats_are_listed():
    """A picture made with them would be lost without a word."""
    state = to_state_dict(package("tcm-n64"))
    state["g_a.0.skip.bias"] = np.full(8, np.nan, np.float32)
    state["g_s.0.conv.bias"] = np.full(8, 1e300)
    state["h_a.0.skip.bias"] = np.ones(8, np.int64)
    with pytest.raises(WrongWeights) as raised:
        from_state_dict(state, "tcm-n64", {}, **SMALL["tcm-n64"])
    assert str(raised.value).splitlines()[1:] == [
        f"  not finite floats: {name}"
        for name in ("g_a.0.skip.bias", "g_s.0.conv.bias", "h_a.0.skip.bias")
    ]


def test_a_parameter_under_an_old_name_and_a_new_one_is_refused():
    state = to_state_dict(package("tcm-n64"))
    state["entropy_bottleneck._matrix0"] = state["entropy_bottleneck.matrices.0"]
    with pytest.raises(WrongWeights, match="twice"):
        from_state_dict(state, "tcm-n64", {}, **SMALL["tcm-n64"])


def test_a_tensor_with_two_names_there_has_one_value():
    """Context nets of MambaIC are in its state dict twice; a file with one of them alone is as good."""
    state = to_state_dict(package("mambaic-base"))
    again = [name for name in state if name.startswith("context_vss.")]
    assert len(again) == len([name for name in state if name.startswith("context_vss_")]) > 0
    once = {name: array for name, array in state.items() if name not in again}
    found = from_state_dict(once, "mambaic-base", {}, **SMALL["mambaic-base"])
    assert found.fingerprint == package("mambaic-base").fingerprint
    state[again[0]] = state[again[0]] + 1
    with pytest.raises(
        WrongWeights, match=r"context_vss_1\.0\..* and context_vss\.0\.0\..* are one"
    ):
        from_state_dict(state, "mambaic-base", {}, **SMALL["mambaic-base"])


def test_layers_that_their_code_has_not_are_not_exported():
    model = create_model("tcm-n64", **SMALL["tcm-n64"], skip_kernels=(2, 1))
    params = {path: np.zeros(shape, np.float32) for path, shape in parameter_shapes(model).items()}
    with pytest.raises(WrongWeights, match="has not"):
        to_state_dict(make_package(model, "tcm-n64", nest(params), {}))


@pytest.mark.parametrize("name", ["hcfssnet-tiny", "cmamba", "tcm-tiny", "nothing"])
def test_a_model_without_code_there_is_refused_with_those_that_have_it(name):
    with pytest.raises(UnknownModel, match="tcm"):
        from_state_dict({}, name, {})


def test_weights_with_gains_have_no_place_there():
    model = create_model("tcm-tiny", **SMALL["tcm-n64"])
    params = {path: np.zeros(shape, np.float32) for path, shape in parameter_shapes(model).items()}
    with pytest.raises(WrongWeights, match="gains"):
        to_state_dict(make_package(model, "tcm-tiny", nest(params), {}))
