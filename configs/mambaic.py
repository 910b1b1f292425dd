"""Experiments with MambaIC; `configs/defaults.py` says what a variant may add.

    python -m train.main --config configs/mambaic.py:tiny --workdir runs/mambaic-tiny --config.data.path=PHOTOS
    python -m train.export runs/mambaic-tiny mambaic-tiny.safetensors

| variant | for | hardware | to expect |
|---|---|---|---|
| `tiny` | trials | two CPU cores | 15 % fewer bits than JPEG after `--config.steps=3000` |
| `base` | the authors' size, 124 M parameters | a pod slice | their weights by `hcfss import-torch` |

With a lambda (`base,lambda=0.013`) the model is exactly the authors'; without, it has gains and learns all rates.
"""

import ml_collections

from configs.defaults import PORTED, TINY, experiment

SIZES = {"tiny": TINY, "base": PORTED}


def get_config(variant: str = "tiny") -> ml_collections.ConfigDict:
    """The experiment `variant`. Raises ValueError, which says what there is, for one that does not exist."""
    return experiment("mambaic", SIZES, variant)
