"""Which products of the pass of training are made in full precision."""

import re
from collections import Counter

import jax
import jax.numpy as jnp
import pytest

from hcfss_jax.models import create_model
from tests.small_model import FIELDS, NAME

FEW = {**FIELDS, "blocks": (0, 0, 0)}


def products(method: str = "__call__", **asked: str) -> Counter[str]:
    """How many products and convolutions of a pass there are, by their precision."""
    model = create_model(NAME, loops=asked.pop("loops", False), **FEW)
    x, level, keys = jnp.zeros((1, 64, 64, 3)), jnp.zeros(1), jax.random.key(0)[None]
    shapes = jax.eval_shape(model.init, jax.random.key(0), x, level, keys)
    given = (x, level, keys)[: 3 if method == "__call__" else 2]
    traced = jax.jit(lambda v: model.apply(v, *given, method=method, **asked)).trace(shapes)
    return Counter(
        re.findall(r"precision=(?:\(?Precision\.)?(None|HIGHEST|DEFAULT)", str(traced.jaxpr))
    )


@pytest.mark.parametrize("loops", [False, True])
def test_quicker_products_are_those_of_the_coding_steps_alone(loops: bool) -> None:
    full, quick = products(loops=loops), products(loops=loops, products="default")
    assert sum(full.values()) == sum(quick.values())
    assert not full["DEFAULT"] and full["None"] == quick["None"]  # the transforms say nothing
    assert quick["DEFAULT"] > quick["HIGHEST"]  # bases that must invert, and gains, stay


def test_evaluation_is_in_full_precision_whatever_training_was() -> None:
    found = products("evaluate")
    assert found["HIGHEST"] and not found["DEFAULT"]
