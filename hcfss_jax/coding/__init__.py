"""Integers to bytes: the range coder, its tables, and the file format. Knows of no model."""

from hcfss_jax.coding.container import LARGEST_SIDE, QUALITY_STEPS, Extra, Header, pack, unpack
from hcfss_jax.coding.escapes import symbol_bits
from hcfss_jax.coding.range_coder import RangeDecoder, encode
from hcfss_jax.coding.table_builder import gaussian_tables, tables_from_pmfs
from hcfss_jax.coding.tables import Tables

__all__ = [
    "LARGEST_SIDE",
    "QUALITY_STEPS",
    "Extra",
    "Header",
    "RangeDecoder",
    "Tables",
    "encode",
    "gaussian_tables",
    "pack",
    "symbol_bits",
    "tables_from_pmfs",
    "unpack",
]
