"""Parameters of a model here to a PyTorch state dict, and back."""

from collections.abc import Mapping

import numpy as np

from hcfss_jax.errors import UnknownModel, WrongWeights
from hcfss_jax.models import CompressionModel, create_model, model_names
from hcfss_jax.parameters import flatten, nest, parameter_shapes
from hcfss_jax.pytorch.buffers import buffers, canonical
from hcfss_jax.pytorch.layouts import Layout, layout_of
from hcfss_jax.pytorch.names import modules
from hcfss_jax.weights import WeightPackage, make_package

FAMILIES = ("tcm", "csm")
"""Models whose authors' code is public, and which are the same function here."""

StateDict = Mapping[str, np.ndarray]


def from_state_dict(state: StateDict, model: str, meta: Mapping[str, str]) -> WeightPackage:
    """The weight package of a PyTorch state dict.

    Args:
      state: arrays by name.
      model: a model, or a family, of whose sizes the one that fits is taken.
      meta: where it comes from.

    Raises:
      UnknownModel: there is no such model, or no PyTorch code of it.
      WrongWeights: names are missing, unexpected or of another shape; the message has all of them.
    """
    given = canonical(state)
    complaints = {name: _differences(given, name) for name in _candidates(model)}
    name = min(complaints, key=lambda name: len(complaints[name]))
    if complaints[name]:
        listed = "\n  ".join(complaints[name])
        raise WrongWeights(f"{len(complaints[name])} tensors do not fit {name}:\n  {listed}")
    made = create_model(name)
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
    if package.name not in _candidates(package.name):
        raise UnknownModel(package.name)
    model = create_model(package.name, **package.config)
    ours = flatten(package.params)
    try:
        layouts = _layouts(model)
    except KeyError as error:
        raise WrongWeights(
            f"{package.name} with these settings has {error}, and its PyTorch code has not"
        ) from error
    state = {theirs: layout.there(ours[path]) for path, (theirs, layout) in layouts.items()}
    return state | buffers(state)


def _candidates(model: str) -> list[str]:
    """The models that are meant by a name of one or of a family."""
    ported = [name for name in model_names() if name.partition("-")[0] in FAMILIES]
    found = [name for name in ported if name == model or name.partition("-")[0] == model]
    if not found:
        raise UnknownModel(
            f"there is no PyTorch code of {model!r}: choose one of {', '.join(FAMILIES)}"
        )
    return found


def _layouts(model: CompressionModel) -> dict[str, tuple[str, Layout]]:
    """Every parameter here to its name and layout there. Raises KeyError for a module that they do not have."""
    named, found = modules(model.config), {}
    for path, shape in parameter_shapes(model).items():
        module, _, leaf = path.rpartition(".")
        layout = layout_of(module, leaf, shape)
        found[path] = (f"{named[module]}.{layout.leaf}", layout)
    return found


def _differences(given: StateDict, name: str) -> list[str]:
    """What speaks against these being the weights of a model, a line each."""
    try:
        wanted = {theirs: layout.shape for theirs, layout in _layouts(create_model(name)).values()}
    except KeyError as error:
        return [f"{name} has {error}, which PyTorch code has not"]
    missing = [f"missing: {n} {wanted[n]}" for n in sorted(wanted.keys() - given.keys())]
    unexpected = [f"unexpected: {n} {given[n].shape}" for n in sorted(given.keys() - wanted.keys())]
    other = [
        f"of another shape: {n} is {given[n].shape}, and should be {wanted[n]}"
        for n in sorted(wanted.keys() & given.keys())
        if given[n].shape != wanted[n]
    ]
    return missing + unexpected + other
