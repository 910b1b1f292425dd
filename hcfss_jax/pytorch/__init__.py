"""Weights of PyTorch codecs as parameters of the same models here, and back, bit for bit."""

from hcfss_jax.pytorch.checkpoint import read_state_dict, write_state_dict
from hcfss_jax.pytorch.convert import from_state_dict, sizes_of, to_state_dict

__all__ = ["from_state_dict", "read_state_dict", "sizes_of", "to_state_dict", "write_state_dict"]
