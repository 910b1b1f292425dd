"""What a PyTorch codec's state dict holds beside its parameters: constants, and tables that its `update()` fills."""

import re
from collections.abc import Iterable

import numpy as np

from hcfss_jax.entropy.gaussian import LEAST_LIKELIHOOD, SCALE_MIN
from hcfss_jax.layers.gdn import PEDESTAL

_TAIL_MASS = 1e-9  # of CompressAI's quantiles
_BUFFER = re.compile(
    r"(^|\.)(pedestal|bound|target|mask|_offset|_quantized_cdf|_cdf_length|scale_table|scale_bound"
    r"|dwt\.w_(ll|lh|hl|hh)|idwt\.filters)$"
)


def is_buffer(name: str) -> bool:
    """Whether a name of a state dict is no parameter's."""
    return _BUFFER.search(name) is not None


def buffers(
    parameters: Iterable[str], gaussians: Iterable[str] = ("gaussian_conditional",)
) -> dict[str, np.ndarray]:
    """The buffers beside the parameters of these names, before `update()`. gaussians: modules that code y."""
    found: dict[str, np.ndarray] = {}
    for name in parameters:
        if re.search(r"gdn(_low|_high)?\.(beta|gamma)$", name):
            least = 1e-6 if name.endswith("beta") else 0.0
            found[f"{name}_reparam.pedestal"] = _constant(PEDESTAL)
            found[f"{name}_reparam.lower_bound.bound"] = _constant((least + PEDESTAL) ** 0.5)
    target = float(np.log(2 / _TAIL_MASS - 1))
    scale = _constant(SCALE_MIN)
    found["entropy_bottleneck.target"] = np.array([-target, 0, target], np.float32)
    for owner in gaussians:
        found[f"{owner}.scale_table"] = np.zeros(0, np.float32)
        found[f"{owner}.scale_bound"] = scale
        found[f"{owner}.lower_bound_scale.bound"] = scale
    for owner in ("entropy_bottleneck", *gaussians):
        found[f"{owner}.likelihood_lower_bound.bound"] = _constant(LEAST_LIKELIHOOD)
        for table in ("_offset", "_quantized_cdf", "_cdf_length"):
            found[f"{owner}.{table}"] = np.zeros(0, np.int32)
    return found


def _constant(value: float) -> np.ndarray:
    return np.array([value], np.float32)
