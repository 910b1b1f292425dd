"""Models by name: `hcfssnet-tiny` is the family `hcfssnet` in the variant `tiny`."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from hcfss_jax.errors import UnknownModel
from hcfss_jax.models import (
    cmamba,
    csm,
    elic,
    fhic,
    hcfssnet,
    hscatb,
    mambaic,
    octave,
    s2lic,
    swinv2,
    tcm,
    twobranch,
    weconvene,
    weconvene3d,
)
from hcfss_jax.models.config import RateConfig, tuples_of
from hcfss_jax.models.family import Family
from hcfss_jax.models.skeleton import CompressionModel

DTYPES = ("float32", "bfloat16")

FAMILIES: dict[str, Family] = {
    "hcfssnet": hcfssnet.FAMILY,
    "tcm": tcm.FAMILY,
    "csm": csm.FAMILY,
    "cmamba": cmamba.FAMILY,
    "weconvene": weconvene.FAMILY,
    "weconvene3d": weconvene3d.FAMILY,
    "mambaic": mambaic.FAMILY,
    "twobranch": twobranch.FAMILY,
    "octave": octave.FAMILY,
    "elic": elic.FAMILY,
    "hscatb": hscatb.FAMILY,
    "s2lic": s2lic.FAMILY,
    "swinv2": swinv2.FAMILY,
    "fhic": fhic.FAMILY,
}
"""The one list of them: whatever asks for all families asks here."""


def model_names() -> list[str]:
    """Every name that `create_model` knows."""
    return [f"{family}-{variant}" for family, of in FAMILIES.items() for variant in of.variants]


def create_model(
    name: str,
    *,
    dtype: str = "float32",
    remat: bool = False,
    loops: bool = False,
    **overrides: Any,
) -> CompressionModel:
    """The Flax module behind a name, without parameters.

    Args:
      name: one of `model_names()`.
      dtype, remat, loops: how to compute, which is no part of the config: see `CompressionModel`.
      **overrides: fields of its config to change; lists become tuples, so that a config may come from JSON.

    Raises:
      UnknownModel: no such name.
      ValueError: no such field, or no such dtype.
    """
    family, _, variant = name.partition("-")
    if family not in FAMILIES or variant not in FAMILIES[family].variants:
        raise UnknownModel(f"no model is called {name!r}; choose one of {', '.join(model_names())}")
    of = FAMILIES[family]
    return of.model(_changed(of.variants[variant], name, overrides), _known(dtype), remat, loops)


def restore_model(name: str, config: Mapping[str, Any]) -> CompressionModel:
    """The Flax module of a weight package's name and config, whatever the name means today.

    A field younger than the package has its class's default, which is always what was before there was a choice.

    Raises:
      UnknownModel: no such family.
      ValueError: no such field.
    """
    family = name.partition("-")[0]
    if family not in FAMILIES:
        raise UnknownModel(f"no family is called {family!r}; there are {', '.join(FAMILIES)}")
    of = FAMILIES[family]
    defaults = type(next(iter(of.variants.values())))()
    return of.model(_changed(defaults, name, config))


def _changed(config: RateConfig, name: str, values: Mapping[str, Any]) -> RateConfig:
    fields = {field.name for field in dataclasses.fields(config)}
    if unknown := sorted(set(values) - fields):
        raise ValueError(
            f"{name} has no config field {unknown}; it has {', '.join(sorted(fields))}"
        )
    tuples: dict[str, Any] = {field: tuples_of(value) for field, value in values.items()}
    return dataclasses.replace(config, **tuples)


def _known(dtype: str) -> str:
    if dtype not in DTYPES:
        raise ValueError(f"models compute in {' or '.join(DTYPES)}, not in {dtype!r}")
    return dtype
