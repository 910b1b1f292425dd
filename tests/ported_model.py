"""Small models of the families whose PyTorch code is public."""

import functools

import numpy as np

from hcfss_jax.models import create_model
from hcfss_jax.parameters import nest, parameter_shapes
from hcfss_jax.weights import make_package

_SIZES = {
    "widths": (8, 8, 8),
    "blocks": (1, 1, 2),
    "hyper_width": 8,
    "hyper_blocks": 1,
    "hyper_channels": 4,
    "slices": (4, 6),
    "parameter_hidden": (5, 3),
    "attention_dim": 8,
}
_SWIN = {"head_dims": (4, 4, 4), "hyper_head_dim": 4, "attention_head_dim": 4, "mlp_ratio": 2}
SMALL = {
    "tcm-n64": {**_SIZES, **_SWIN},
    "csm-base": {**_SIZES, **_SWIN},
    "weconvene-base": {
        **_SIZES,
        "decoder_widths": (8, 8, 8),
        "decoder_blocks": (1, 0, 1),
        "high_slices": (14, 16),
    },
    "mambaic-base": {
        **_SIZES,
        "blocks": (1, 0, 1),
        "hyper_features": 6,
        "attention_head_dim": 4,
        "mlp_ratio": 2,
        "context_blocks": 1,
    },
}
"""A model of each, and the fields that make it small."""
MODELS = list(SMALL)


@functools.cache
def package(name: str):
    """Random weights, all different."""
    model, rng = create_model(name, **SMALL[name]), np.random.default_rng(0)
    params = {
        path: 0.1 * rng.normal(size=shape).astype(np.float32)
        for path, shape in parameter_shapes(model).items()
    }
    return make_package(model, name, nest(params), {}, dtype="float32")
