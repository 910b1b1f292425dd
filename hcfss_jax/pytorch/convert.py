"""Parameters of a model here to a PyTorch state dict, and back."""

import importlib.util
from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np

from hcfss_jax.errors import UnknownModel, WrongWeights
from hcfss_jax.models import (
    CompressionModel,
    create_model,
    model_names,
    registry,
    restore_model,
)
from hcfss_jax.pytorch.buffers import buffers
from hcfss_jax.pytorch.layouts import Layout, layout_of
from hcfss_jax.pytorch.names import Names, canonical
from hcfss_jax.weights import WeightPackage, check_parameters, make_package
from hcfss_jax.weights.parameters import flatten, nest, parameter_shapes

FAMILIES: dict[str, Names] = {
    family: importlib.import_module(f"hcfss_jax.pytorch.{family}").NAMES
    for family in registry.FAMILIES
    if importlib.util.find_spec(f"hcfss_jax.pytorch.{family}")
}
"""Models whose authors' code is public, and which are the same function here; without gains, that is. Each has a file
of its name beside this one."""

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
      WrongWeights: tensors are missing, unexpected, of another shape, or not finite floats; the message lists them all.
    """
    given = _once(canonical(state), FAMILIES[_family(model)])
    complaints = {
        name: _differences(given, name, create_model(name, **overrides))
        for name in sizes_of(model, **overrides)
    }
    name = min(complaints, key=lambda name: len(complaints[name]))
    if complaints[name]:
        listed = "\n  ".join(complaints[name])
        raise WrongWeights(f"{len(complaints[name])} tensors do not fit {name}:\n  {listed}")
    made = create_model(name, **overrides)
    shapes = parameter_shapes(made)
    params = {
        path: layout.here(np.asarray(given[theirs], np.float32), shapes[path])
        for path, (theirs, layout) in _layouts(name, made).items()
    }
    return make_package(made, name, nest(params), dict(meta), dtype="float32")


def to_state_dict(package: WeightPackage) -> dict[str, np.ndarray]:
    """What the authors' model loads: its parameters, and the buffers as they are before its `update()`.

    Raises UnknownModel where there is no PyTorch code of the model, WrongWeights for weights of another shape than
    there, such as one with gains.
    """
    names = FAMILIES[_family(package.name)]
    model = restore_model(package.name, package.config)
    if not _is_ported(package.name, model):
        raise WrongWeights(
            f"these weights of {package.name} have gains, or layers, that its PyTorch code has not"
        )
    check_parameters(package, model)
    ours, layouts = flatten(package.params), _layouts(package.name, model)
    state = {theirs: layout.there(ours[path]) for path, (theirs, layout) in layouts.items()}
    again = {other: x for name, x in state.items() if (other := names.second(name))}
    return state | again | buffers(state, names.gaussians) | names.constants(model.config)


def sizes_of(model: str, **overrides: Any) -> list[str]:
    """The models that are meant by a name of one or of a family, with fields of their configs changed.

    Raises UnknownModel where there is no code of it.
    """
    sizes = [name for name in model_names() if name.partition("-")[0] == _family(model)]
    found = [name for name in sizes if _is_ported(name, create_model(name, **overrides))]
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


def _is_ported(name: str, model: CompressionModel) -> bool:
    c = model.config
    shape = (c.gains, c.medians, len(c.prior_filters), c.skip_kernels)
    return shape == (False, True, 4, (1, 3)) and FAMILIES[_family(name)].whole(c)


def _once(given: StateDict, names: Names) -> StateDict:
    """A state dict without the second names of tensors. Raises WrongWeights where two names of one disagree."""
    pairs = {name: names.second(name) for name in given}
    seconds = {second: name for name, second in pairs.items() if second and second in given}
    for second, name in seconds.items():
        if not np.array_equal(given[name], given[second]):
            raise WrongWeights(f"{name} and {second} are one tensor there, and two here")
    return {name: array for name, array in given.items() if name not in seconds}


def _layouts(name: str, model: CompressionModel) -> dict[str, tuple[str, Layout]]:
    """Every parameter here to its name and layout there."""
    named, found = FAMILIES[_family(name)].modules(model.config), {}
    for path, shape in parameter_shapes(model).items():
        module, _, leaf = path.rpartition(".")
        layout = layout_of(module, leaf, shape)
        found[path] = (f"{named[module]}.{layout.leaf}", layout)
    return found


def _differences(given: StateDict, name: str, model: CompressionModel) -> list[str]:
    """What speaks against these being the weights of a model, a line each."""
    wanted = {theirs: layout.shape for theirs, layout in _layouts(name, model).values()}
    missing = [f"missing: {n} {wanted[n]}" for n in sorted(wanted.keys() - given.keys())]
    unexpected = [f"unexpected: {n} {given[n].shape}" for n in sorted(given.keys() - wanted.keys())]
    other = [
        f"of another shape: {n} is {given[n].shape}, and should be {wanted[n]}"
        for n in sorted(wanted.keys() & given.keys())
        if given[n].shape != wanted[n]
    ]
    return (
        missing
        + unexpected
        + other
        + [
            f"not finite floats: {n}"
            for n in sorted(wanted.keys() & given.keys())
            if _is_odd(given[n])
        ]
    )


def _is_odd(array: np.ndarray) -> bool:
    if array.dtype not in (np.float64, np.float32, np.float16, ml_dtypes.bfloat16):
        return True
    with np.errstate(over="ignore"):
        return not np.all(np.isfinite(array.astype(np.float32)))
