"""The parameters of a model by their names, "g_a.down1.conv1.kernel", and as the nested dict that Flax takes."""

import functools
from collections.abc import Mapping
from typing import Any

Params = dict[str, Any]


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dict to {"a.b.c": leaf}."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def nest(flat: Mapping[str, Any]) -> Params:
    """The inverse. Raises ValueError where a name is both a leaf's and a branch's."""
    tree: Params = {}
    for name, leaf in flat.items():
        *branches, last = name.split(".")
        place = tree
        for branch in branches:
            place = place.setdefault(branch, {})
            if not isinstance(place, dict):
                raise ValueError(f"{name} lies inside of a leaf")
        place[last] = leaf
    return tree


def parameter_shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """What a model of `hcfss_jax.models` has to learn: the shape of each, by name."""
    return dict(_shapes(model))


@functools.lru_cache(maxsize=16)
def _shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """Tracing a large model takes seconds, and whoever converts weights asks several times."""
    import jax

    from hcfss_jax.layers.area import example

    params = jax.eval_shape(model.init, jax.random.key(0), *example(model))["params"]
    return {name: leaf.shape for name, leaf in flatten(params).items()}
