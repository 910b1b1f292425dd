"""Models by name: `hcfssnet-tiny` is the family `hcfssnet` in the variant `tiny`."""

import dataclasses
from typing import Any

from hcfss_jax.errors import UnknownModel
from hcfss_jax.models import cmamba, csm, hcfssnet, tcm
from hcfss_jax.models.skeleton import CompressionModel

DTYPES = ("float32", "bfloat16")

_FAMILIES: dict[str, tuple[type[CompressionModel], dict[str, Any]]] = {
    "hcfssnet": (hcfssnet.HCFSSNet, hcfssnet.VARIANTS),
    "tcm": (tcm.TCM, tcm.VARIANTS),
    "csm": (csm.CSM, csm.VARIANTS),
    "cmamba": (cmamba.CMamba, cmamba.VARIANTS),
}


def model_names() -> list[str]:
    """Every name that `create_model` knows."""
    return [f"{family}-{variant}" for family, (_, all_) in _FAMILIES.items() for variant in all_]


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
    if dtype not in DTYPES:
        raise ValueError(f"models compute in {' or '.join(DTYPES)}, not in {dtype!r}")
    family, _, variant = name.partition("-")
    if family not in _FAMILIES or variant not in _FAMILIES[family][1]:
        raise UnknownModel(f"no model is called {name!r}; choose one of {', '.join(model_names())}")
    model, variants = _FAMILIES[family]
    config = variants[variant]
    fields = {field.name for field in dataclasses.fields(config)}
    if unknown := sorted(set(overrides) - fields):
        raise ValueError(
            f"{name} has no config field {unknown}; it has {', '.join(sorted(fields))}"
        )
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in overrides.items()}
    return model(dataclasses.replace(config, **values), dtype, remat, loops)
