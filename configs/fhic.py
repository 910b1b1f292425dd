"""Experiments with FHIC; `configs/defaults.py` says what a variant may add.

    python -m train.main --config configs/fhic.py:tiny --workdir runs/fhic-tiny --config.data.path=PHOTOS
    python -m train.export runs/fhic-tiny fhic-tiny.safetensors

| variant | for | hardware | to expect |
|---|---|---|---|
| `tiny` | trials | two CPU cores | not trained yet |
| `base` | the authors' size for low rates | a pod slice | not trained yet |

Their size for high rates has 256 channels throughout. `base,deformable=()` has the transforms of their earlier
codec.
"""

import ml_collections

from configs.defaults import BASE, TINY, experiment

SIZES = {"tiny": TINY, "base": BASE}


def get_config(variant: str = "tiny") -> ml_collections.ConfigDict:
    """The experiment `variant`. Raises ValueError, which says what there is, for one that does not exist."""
    config = experiment("fhic", SIZES, variant)
    config.objective = "train.sparse_latents:objective"
    config.magnitude_weight = 1e-4  # our reading; the paper has no number
    return config
