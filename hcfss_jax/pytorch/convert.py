"""Parameters of a model here to a PyTorch state dict, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from hcfss_jax.errors import UnknownModel, WrongWeights
from hcfss_jax.models import CompressionModel, create_model, model_names
from hcfss_jax.parameters import flatten, nest, parameter_shapes
from hcfss_jax.pytorch.buffers import buffers, canonical
from hcfss_jax.pytorch.layouts import Layout, layout_of
from hcfss_jax.pytorch.names import modules
from hcfss_jax.weights import WeightPackage, make_package

FAMILIES = ("tcm", "csm")
"""Models whose authors' code is public, and which are the same function here; without gains, that is."""

StateDict = Mapping[str, np.ndarray]


def from_state_dict(
    state: StateDict, model: str, meta: Mapping[str, str], **overrides: Any
) -> WeightPackage:
    """The weight package of a PyTorch state dict.

    Args:
      state: arrays by name.
      model: a model, or a family, of whose sizes the one that fits is taken.
      meta: where it comes from.
      **overrides: fields of the model's config to change, for weights of other sizes.

    Raises:
      UnknownModel: there is no such model, or no PyTorch code of it.
      WrongWeights: names are missing, unexpected or of another shape; the message lists them all.
    """
    given = canonical(state)
    complaints = {
        name: _differences(given, create_model(name, **overrides)) for name in _candidates(model)
    }
    name = min(complaints, key=lambda name: len(complaints[name]))
    if complaints[name]:
        listed = "\n  ".join(complaints[name])
        raise WrongWeights(f"{len(complaints[name])} tensors do not fit {name}:\n  {listed}")
    made = create_model(name, **overrides)
    shapes = parameter_shapes(made)
    params = {
        path: layout.here(np.asarray(given[theirs], np.float32), shapes[path])
        for path, (theirs, layout) in _layouts(made).items()
    }
    return make_package(made, name, nest(params), dict(meta), dtype="float32")


def to_state_dict(package: WeightPackage) -> dict[str, np.ndarray]:
    """What the authors' model loads: its parameters, and the buffers as they are before its `update()`.

    Raises UnknownModel where there is no PyTorch code of the model, WrongWeights for weights of another shape than
    there, such as one with gains.
    """
    _family(package.name)
    model = create_model(package.name, **package.config)
    if not _is_ported(model):
        raise WrongWeights(
            f"these weights of {package.name} have gains for several rates, its PyTorch code has none"
        )
    ours, layouts = flatten(package.params), _layouts(model)
    state = {theirs: layout.there(ours[path]) for path, (theirs, layout) in layouts.items()}
    return state | buffers(state)


def _candidates(model: str) -> list[str]:
    """The models that are meant by a name of one or of a family."""
    sizes = [name for name in model_names() if name.partition("-")[0] == _family(model)]
    found = [name for name in sizes if _is_ported(create_model(name))]
    chosen = [name for name in found if model in (name, _family(name))]
    if not chosen:
        raise UnknownModel(
            f"there is no PyTorch code of {model!r}: choose one of {', '.join(found)}"
        )
    return chosen


def _family(model: str) -> str:
    family = model.partition("-")[0]
    if family not in FAMILIES:
        raise UnknownModel(
            f"there is no PyTorch code of {model!r}: choose one of {', '.join(FAMILIES)}"
        )
    return family


def _is_ported(model: CompressionModel) -> bool:
    return not model.config.gains and model.config.medians


def _layouts(model: CompressionModel) -> dict[str, tuple[str, Layout]]:
    """Every parameter here to its name and layout there."""
    named, found = modules(model.config), {}
    for path, shape in parameter_shapes(model).items():
        module, _, leaf = path.rpartition(".")
        layout = layout_of(module, leaf, shape)
        found[path] = (f"{named[module]}.{layout.leaf}", layout)
    return found


def _differences(given: StateDict, model: CompressionModel) -> list[str]:
    """What speaks against these being the weights of a model, a line each."""
    wanted = {theirs: layout.shape for theirs, layout in _layouts(model).values()}
    missing = [f"missing: {n} {wanted[n]}" for n in sorted(wanted.keys() - given.keys())]
    unexpected = [f"unexpected: {n} {given[n].shape}" for n in sorted(given.keys() - wanted.keys())]
    other = [
        f"of another shape: {n} is {given[n].shape}, and should be {wanted[n]}"
        for n in sorted(wanted.keys() & given.keys())
        if given[n].shape != wanted[n]
    ]
    return missing + unexpected + other
