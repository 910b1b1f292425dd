"""Experiments with 3DM-WeConvene; `configs/defaults.py` says what a variant may add.

    python -m train.main --config configs/weconvene3d.py:tiny --workdir runs/weconvene3d-tiny --config.data.path=PHOTOS
    python -m train.export runs/weconvene3d-tiny weconvene3d-tiny.safetensors

| variant | for | hardware | to expect |
|---|---|---|---|
| `tiny` | trials | two CPU cores | 10 % fewer bits than JPEG after `--config.steps=3000` |
| `base` | the authors' script as far as it is known, 72 M parameters without gains | a pod slice | not trained yet |

`base,wavelet=9/7` is the paper's other wavelet. The paper trains in two phases: first the rates of low and of high
frequencies count alike, as here by default; then they are weighed apart, at a learning rate of 1e-5:

    python -m train.export runs/weconvene3d-tiny first.safetensors --dtype float32
    python -m train.main --config configs/weconvene3d.py:tiny,phase=weighed --workdir runs/weconvene3d-tiny-2 \\
        --config.data.path=PHOTOS --config.init_from=first.safetensors

With which weights the paper does not say. These are a guess that no run has tried: what low frequencies are spent on
also tells of the high ones, so a bit of theirs counts a little less. `--config.rate_weights` sets others.
"""

import ml_collections

from configs.defaults import PORTED, TINY, experiment

SIZES = {"tiny": TINY, "base": PORTED}
WEIGHTS = (("y_low", 0.95), ("y_high", 1.05))


def get_config(variant: str = "tiny") -> ml_collections.ConfigDict:
    """The experiment `variant`. Raises ValueError, which says what there is, for one that does not exist."""
    return experiment("weconvene3d", SIZES, variant, {"weighed": _weighed})


def _weighed(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """The second phase; a tenth of the steps of the first, which is our choice, at one learning rate from its start."""
    config.rate_weights, config.learning_rate = WEIGHTS, 1e-5
    config.steps, config.warmup_steps, config.cooldown_fraction = config.steps // 10, 0, 0.0
    return config
