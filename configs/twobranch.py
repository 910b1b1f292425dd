"""Experiments with two-branch conditional coding; `configs/defaults.py` says what a variant may add.

    python -m train.main --config configs/twobranch.py:tiny --workdir runs/twobranch-tiny --config.data.path=PHOTOS
    python -m train.export runs/twobranch-tiny twobranch-tiny.safetensors

| variant | for | hardware | to expect |
|---|---|---|---|
| `tiny` | trials | two CPU cores | 17 % fewer bits than JPEG after `--config.steps=3000` |
| `base` | widths of our choice; the paper names none | a pod slice | not trained yet |

Sides of crops are multiples of 128 here, the stride of z_l.
"""

import ml_collections

from configs.defaults import BASE, TINY, experiment

SIZES = {"tiny": TINY._replace(multiple=128), "base": BASE._replace(multiple=128)}


def get_config(variant: str = "tiny") -> ml_collections.ConfigDict:
    """The experiment `variant`. Raises ValueError, which says what there is, for one that does not exist."""
    return experiment("twobranch", SIZES, variant)
