"""Small models of the families whose PyTorch code is public."""

import functools

import numpy as np

from hcfss_jax.models import create_model
from hcfss_jax.models.registry import FAMILIES
from hcfss_jax.weights import make_package
from hcfss_jax.weights.parameters import nest, parameter_shapes

SMALL = {
    f"{name}-{size}": fields
    for name, family in FAMILIES.items()
    for size, fields in family.small.items()
    if not family.variants[size].gains
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
