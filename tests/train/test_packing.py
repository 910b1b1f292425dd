"""Parameters as vectors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from train.errors import BadConfig
from train.packing import MULTIPLE, Packing

_PARAMS = {
    "a": {"kernel": jnp.arange(12.0).reshape(3, 4), "bias": jnp.arange(4.0)},
    "b": {"kernel": -jnp.arange(MULTIPLE, dtype=jnp.float32)},
}
_RULES = (("bias", "replicated"), ("^a/", "fsdp"), (".", "fsdp"))


def test_unpacking_gives_back_what_was_packed() -> None:
    packing = Packing.of(_PARAMS, _RULES)
    vectors = packing.pack(_PARAMS)
    jax.tree.map(np.testing.assert_array_equal, packing.unpack(vectors), _PARAMS)
    assert packing.parameter_count == MULTIPLE + 16


def test_the_first_rule_that_matches_a_name_decides_and_every_vector_can_be_dealt_out() -> None:
    packing = Packing.of(_PARAMS, _RULES)
    assert packing.names == ("a/bias", "a/kernel", "b/kernel")
    assert packing.groups == ("replicated", "fsdp", "fsdp")
    assert packing.lengths == {"fsdp": 2 * MULTIPLE, "replicated": MULTIPLE}
    filling = packing.pack(_PARAMS)["replicated"][4:]
    np.testing.assert_array_equal(filling, 0)


def test_the_gradient_of_unpacking_lies_where_the_parameters_do() -> None:
    packing = Packing.of(_PARAMS, _RULES)

    def weigh(vectors: dict) -> jax.Array:
        return jnp.sum(packing.unpack(vectors)["a"]["kernel"] * jnp.arange(12.0).reshape(3, 4))

    gradient = packing.unpack(jax.grad(weigh)(packing.pack(_PARAMS)))
    np.testing.assert_array_equal(gradient["a"]["kernel"], jnp.arange(12.0).reshape(3, 4))
    np.testing.assert_array_equal(gradient["b"]["kernel"], 0)


@pytest.mark.parametrize("change", ["name", "shape", "rule"])
def test_another_packing_has_another_digest(change: str) -> None:
    params, rules = dict(_PARAMS), _RULES
    if change == "name":
        params["c"] = params.pop("b")
    elif change == "shape":
        params["b"] = {"kernel": jnp.zeros(MULTIPLE - 1)}
    else:
        rules = _RULES[1:]
    assert Packing.of(params, rules).digest != Packing.of(_PARAMS, _RULES).digest


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ([("bias", "fsdp")], "no rule matches 'a/kernel'"),
        ([(".", "tensor")], "must say 'fsdp' or 'replicated', not 'tensor'"),
        ([("(", "fsdp")], "is no regular expression"),
    ],
)
def test_rules_that_cannot_work_are_named(rules: list, says: str) -> None:
    with pytest.raises(BadConfig, match=says):
        Packing.of(_PARAMS, rules)


def test_parameters_of_another_type_are_refused() -> None:
    with pytest.raises(TypeError, match="n is int32"):
        Packing.of({"n": jnp.zeros(3, jnp.int32)})
