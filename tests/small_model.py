"""Models small enough to compile in seconds, with every part of the real ones, and weights that are not trivial."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.layers.area import example
from hcfss_jax.models import create_model
from hcfss_jax.models.registry import FAMILIES
from hcfss_jax.weights import WeightPackage, make_package

NAME = "hcfssnet-small"
SMALL = {
    f"{name}-{size}": fields
    for name, family in FAMILIES.items()
    for size, fields in family.small.items()
    if family.variants[size].gains
}
"""A model of each family that learns all rates, and the fields that make it small."""
FIELDS = SMALL[NAME]


@functools.cache
def small_model(name: str = NAME):
    """The module; one object, so that compiled functions are shared between tests."""
    return create_model(name, **SMALL[name])


@functools.cache
def small_params(seed: int = 0, name: str = NAME):
    """Those of the small model."""
    return random_params(small_model(name), name, seed)


def random_params(model, name: str, seed: int = 0):
    """Random weights of a model of that family, scaled so that latents have a few bits each."""
    shapes = jax.eval_shape(model.init, jax.random.key(seed), *example(model))["params"]
    rng = np.random.default_rng(seed)
    variants = FAMILIES[name.partition("-")[0]].variants.values()
    itself = not all(config.gains for config in variants)  # as in PyTorch's codecs
    wide = 7 if itself else 2  # the scale, or its logarithm

    branches = name.startswith("fhic")
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree.leaves_with_path(shapes)]
    biased = {path.removesuffix("['bias']") for path in paths if path.endswith("['bias']")}

    def draw(path, leaf):
        name = jax.tree_util.keystr(path)
        if (
            re.search(r"parameter_net_\d+'\]\['out'\]", name)
            and name.rpartition("[")[0] not in biased
        ):
            return 4 * rng.normal(size=leaf.shape) / np.sqrt(leaf.shape[-2])
        if re.search(r"(scale_(net|gate)|parameter_net)_\d+'\]\['out'\]", name) or "head" in name:
            # Wide Gaussians: a model that its symbols surprise estimates badly what they cost.
            return 0.005 * rng.normal(size=leaf.shape) + wide * ("bias" in name)
        if (
            branches
            and re.search("deformable|_block|attention|g_[as]'.*(out|skip)", name)
            and "kernel" in name
        ):
            # Sums of many branches, which inverse GDNs would square once each.
            return 0.5 * rng.normal(size=leaf.shape) / np.sqrt(np.prod(leaf.shape[:-1]))
        if "kernel" in name or "proj" in name:
            return rng.normal(size=leaf.shape) / np.sqrt(np.prod(leaf.shape[:-1]))
        if "gamma" in name:
            return np.sqrt(0.1 * np.eye(leaf.shape[0]) + 1e-3)
        centre = float("beta" in name or "scale" in name) - 2 * ("prior']['h" in name)
        if "log_gain" in name:
            rise = np.linspace(-0.5, 1.5, leaf.shape[0])[:, None]
            centre = -rise if "inverse" in name else rise
        return 0.1 * rng.normal(size=leaf.shape) + centre

    return jax.tree_util.tree_map_with_path(lambda *a: jnp.asarray(draw(*a), jnp.float32), shapes)


@functools.cache
def small_package(seed: int = 0, name: str = NAME) -> WeightPackage:
    """The weights as a package; another seed is another set of weights of the same model."""
    params = small_params(seed, name)
    # Rounded as ever: what such weights code at which quality is chance, and tests know it.
    return make_package(small_model(name), name, params, {"made": "at random"}, "bfloat16")


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A smooth picture with edges and a little noise, uint8 `[H, W, 3]`."""
    rng = np.random.default_rng(seed)
    i, j = np.mgrid[:height, :width] / 24.0
    waves = [np.sin(a * i + b * j + c) for a, b, c in rng.uniform(-2, 2, (3, 3))]
    picture = 128 + 70 * np.stack(waves, -1) + 40 * (i + j > 3)[..., None]
    return np.clip(picture + 6 * rng.normal(size=picture.shape), 0, 255).astype(np.uint8)
