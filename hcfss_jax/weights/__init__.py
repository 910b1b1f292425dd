"""Weight packages: trained models as files, and their parameters by name."""

from hcfss_jax.weights.package import (
    DEFAULT_WEIGHTS,
    SHIPPED,
    WeightPackage,
    absence,
    check_parameters,
    load_package,
    make_package,
    save_package,
    shipped_names,
    shipped_with,
)

__all__ = [
    "DEFAULT_WEIGHTS",
    "SHIPPED",
    "WeightPackage",
    "absence",
    "check_parameters",
    "load_package",
    "make_package",
    "save_package",
    "shipped_names",
    "shipped_with",
]
