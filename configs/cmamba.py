"""Experiments with CMamba; `configs/defaults.py` says what a variant may add.

    python -m train.main --config configs/cmamba.py:tiny --workdir runs/cmamba-tiny --config.data.path=PHOTOS
    python -m train.export runs/cmamba-tiny cmamba-tiny.safetensors

| variant | for | hardware | to expect |
|---|---|---|---|
| `tiny` | trials | two CPU cores | 25 % fewer bits than JPEG after `--config.steps=3000`, 14 to 19 minutes |
| `base` | about the paper's size, 56 M parameters | a pod slice | not trained yet |
"""

import ml_collections

from configs.defaults import BASE, TINY, experiment

SIZES = {"tiny": TINY, "base": BASE}


def get_config(variant: str = "tiny") -> ml_collections.ConfigDict:
    """The experiment `variant`. Raises ValueError, which says what there is, for one that does not exist."""
    return experiment("cmamba", SIZES, variant)
