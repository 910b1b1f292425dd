"""The models, one file a paper, and the registry of their names."""

from hcfss_jax.models.registry import create_model, model_names, restore_model
from hcfss_jax.models.skeleton import CompressionModel, Output

__all__ = ["CompressionModel", "Output", "create_model", "model_names", "restore_model"]
