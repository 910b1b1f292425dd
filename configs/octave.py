"""Experiments with octave multi-resolution; `configs/defaults.py` says what a variant may add.

    python -m train.main --config configs/octave.py:tiny --workdir runs/octave-tiny --config.data.path=PHOTOS
    python -m train.export runs/octave-tiny octave-tiny.safetensors

| variant | for | hardware | to expect |
|---|---|---|---|
| `tiny` | trials | two CPU cores | 20 % more bits than JPEG after `--config.steps=3000` |
| `base` | the authors' size for low rates, 29 M parameters | a pod slice | not trained yet |

Their size for high rates is `base,filters=448,hyper_filters=448`. Sides of crops are multiples of 128 here, the stride
of z_l. In the first fifth of the steps (200 thousand of a million in the paper) latents of two resolutions are to
resemble each other, besides: `train/information_fidelity.py`.
"""

import ml_collections

from configs.defaults import BASE, TINY, experiment

SIZES = {"tiny": TINY._replace(multiple=128), "base": BASE._replace(multiple=128)}


def get_config(variant: str = "tiny") -> ml_collections.ConfigDict:
    """The experiment `variant`. Raises ValueError, which says what there is, for one that does not exist."""
    config = experiment("octave", SIZES, variant)
    config.objective = "train.information_fidelity:objective"
    config.fidelity_weight = 1.0  # of the paper
    # Of the steps, in which it counts: none of a phase after the first.
    config.fidelity_fraction = 0.2 if config.quantisation == "noise" else 0.0
    return config
