"""The parameters that a run starts from: at random, or those of another run, whole or as far as they fit."""

from collections.abc import Callable
from typing import Any

import jax
from ml_collections import ConfigDict

from hcfss_jax.errors import HcfError
from hcfss_jax.weights import WeightPackage, load_package
from train.errors import BadConfig, WrongCheckpoint
from train.initial import initial_params
from train.packing import Packing
from train.student import of_adapter

_NAMED = 3  # parameters, of those that are too many to name


def starting_params(
    config: ConfigDict, model: Any, packing: Packing, tell: Callable[[str], None]
) -> Any:
    """Random parameters, or those of `config.init_from`; with `config.init_partial` as many of them as fit.

    What a student has beside its model (`train.student`) starts at random. tell: is told what was taken and what was
    not. Raises BadConfig where there are no such weights, WrongCheckpoint
    where they do not fit: all, or with `init_partial` any.
    """
    if not config.init_from:
        return initial_params(model, config.seed)
    package = _load(config.init_from)
    here = dict(zip(packing.names, packing.shapes, strict=True))
    given = Packing.of(package.params)
    there = dict(zip(given.names, given.shapes, strict=True))
    odd = sorted(
        n
        for n in here.keys() | there.keys()
        if here.get(n) != there.get(n) and not of_adapter(n)  # which no package holds
    )
    where = f"config.init_from={config.init_from!r}"
    if odd and not config.init_partial:
        raise WrongCheckpoint(
            f"{where} holds {package.name}, which differs from this model in {len(odd)} parameters, such as "
            f"{odd[0]}: {there.get(odd[0])} there, {here.get(odd[0])} here (config.init_partial=True takes the others)"
        )
    taken = [name for name in packing.names if here[name] == there.get(name)]
    if not taken:
        raise WrongCheckpoint(
            f"{where} holds {package.name}, none of whose parameters fits this model"
        )
    tell(f"from {package.name}, {config.init_from}: {len(taken)} of {len(here)} parameters")
    if len(taken) == len(here) == len(there):
        return package.params
    left = [name for name in packing.names if name not in taken]
    unused = [name for name in given.names if name not in taken]
    for names, why in ((left, "start at random"), (unused, "of those weights are not used")):
        if names:
            tell(f"  {len(names)} {why}: {_listed(names)}")
    leaves = dict(
        zip(packing.names, jax.tree.leaves(initial_params(model, config.seed)), strict=True)
    )
    theirs = dict(zip(given.names, jax.tree.leaves(package.params), strict=True))
    leaves |= {name: theirs[name] for name in taken}
    return jax.tree.unflatten(packing.structure, list(leaves.values()))


def _load(name_or_path: str) -> WeightPackage:
    try:
        return load_package(name_or_path)
    except (HcfError, OSError) as error:
        raise BadConfig(f"config.init_from={name_or_path!r}: {error}") from error


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
