"""What trained weights stand for at each quality: how many bits a pixel a distortion is worth to them, their lambda."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from hcfss_jax.errors import InvalidInput

Tune = Literal["psnr", "ms-ssim"]
"""By what pictures are judged: 255^2 times the mean squared error, or 1 - MS-SSIM."""

MS_SSIM_SCALE = 1300.0
"""An MS-SSIM lambda of about the same rate is so many times one of the squared error (CompressAI's two lists)."""

_TUNE_OF: Mapping[str, Tune] = {"mse": "psnr", "ms-ssim": "ms-ssim"}


def trained_for(meta: Mapping[str, Any]) -> Tune:
    """What a package's weights were trained for. meta: the package's. Raises InvalidInput where it does not tell."""
    return _TUNE_OF[_recorded(meta)[1]]


def lambda_of(meta: Mapping[str, Any], quality: float, tune: Tune) -> float:
    """The weight of a distortion against a bit a pixel: recorded for each level of training, geometric in between.

    Weights that were trained for the other distortion stand for a lambda of about the same rate (`MS_SSIM_SCALE`).
    Raises InvalidInput where the package holds no record, as weights imported from elsewhere.
    """
    lambdas, metric = _recorded(meta)
    levels = np.arange(len(lambdas))
    found = float(np.exp(np.interp(quality - 1, levels, np.log(lambdas))))
    scale = {"psnr": 1.0, "ms-ssim": MS_SSIM_SCALE}
    return found * scale[tune] / scale[_TUNE_OF[metric]]


def ratio_of(meta: Mapping[str, Any]) -> float:
    """How many times more an error counts where a mask is than where it is not; 1 for weights that were not told."""
    found = meta.get("experiment", {})
    return float(found.get("region_ratio", 1.0)) if isinstance(found, Mapping) else 1.0


def weights_of_mask(mask: Any, ratio: float) -> Any:
    """What an error counts at each position: ratio^(mask - 1), which is 1 where the mask is, and 1 / ratio outside.

    mask: of NumPy or JAX. The lambda map of ROI Swin (arXiv 2305.07783) over the lambda of a level. Between 0 and 1 it
    is geometric, as in the codec of quality maps (arXiv 2108.09551), whose 0.001 exp(4.382 q) is this with a ratio of
    80. That it hangs on the level, so that one model has all rates, is our reading.
    """
    return ratio ** (mask - 1)


def _recorded(meta: Mapping[str, Any]) -> tuple[list[float], str]:
    """(lambdas by level, the metric)."""
    try:
        experiment = meta["experiment"]
        lambdas, metric = [*map(float, experiment["lambdas"])], experiment["metric"]
    except (KeyError, TypeError, ValueError):
        lambdas, metric = [], ""
    if not lambdas or not all(0 < x < math.inf for x in lambdas) or metric not in _TUNE_OF:
        raise InvalidInput(
            "these weights do not say which lambda their qualities stand for, and effort weighs bits against errors "
            "by it: leave effort at 0, or write meta['experiment'] into their package, with 'lambdas', one for each "
            "level, and 'metric', 'mse' or 'ms-ssim'"
        )
    return lambdas, metric
