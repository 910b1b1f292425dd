"""Integers to bytes: the range coder, its tables, and the file format. Knows of no model."""

import importlib
from typing import TYPE_CHECKING, Any

from hcfss_jax.coding.container import (
    CHECK_BYTES,
    LARGEST_SIDE,
    MAGIC,
    QUALITY_STEPS,
    Extra,
    Header,
    pack,
    peek,
    unpack,
    unpack_cut,
)
from hcfss_jax.coding.escapes import symbol_bits
from hcfss_jax.coding.pixel_section import ExactTile, pack_exact, unpack_exact
from hcfss_jax.coding.tables import Tables
from hcfss_jax.coding.tile_table import TileTable

if TYPE_CHECKING:
    from hcfss_jax.coding.range_coder import RangeDecoder, encode
    from hcfss_jax.coding.table_builder import gaussian_tables, tables_from_pmfs

__all__ = [
    "CHECK_BYTES",
    "LARGEST_SIDE",
    "MAGIC",
    "QUALITY_STEPS",
    "ExactTile",
    "Extra",
    "Header",
    "RangeDecoder",
    "Tables",
    "TileTable",
    "encode",
    "gaussian_tables",
    "pack",
    "pack_exact",
    "peek",
    "symbol_bits",
    "tables_from_pmfs",
    "unpack",
    "unpack_cut",
    "unpack_exact",
]

_HOMES = {
    "RangeDecoder": "range_coder",
    "encode": "range_coder",
    "gaussian_tables": "table_builder",
    "tables_from_pmfs": "table_builder",
}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    """What needs JAX or SciPy is imported when first used: `hcfss info` reads a header at once."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hcfss_jax.coding' has no attribute {name!r}")
    return getattr(importlib.import_module(f"hcfss_jax.coding.{_HOMES[name]}"), name)
