"""Experiments with S2LIC; `configs/defaults.py` says what a variant may add.

    python -m train.main --config configs/s2lic.py:tiny --workdir runs/s2lic-tiny --config.data.path=PHOTOS
    python -m train.export runs/s2lic-tiny s2lic-tiny.safetensors

| variant | for | hardware | to expect |
|---|---|---|---|
| `tiny` | trials | two CPU cores | 17 % fewer bits than JPEG after `--config.steps=3000` |
| `base` | the authors' size, 74 M parameters, 14 M of them as we read them | a pod slice | not trained |

With a lambda (`base,lambda=0.013`) the model has one rate, as the authors' have; without, it has gains and learns all.
"""

import ml_collections

from configs.defaults import PORTED, TINY, experiment

SIZES = {"tiny": TINY, "base": PORTED}


def get_config(variant: str = "tiny") -> ml_collections.ConfigDict:
    """The experiment `variant`. Raises ValueError, which says what there is, for one that does not exist."""
    return experiment("s2lic", SIZES, variant)
