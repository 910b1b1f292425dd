"""Experiments with ELIC; `configs/defaults.py` says what a variant may add.

    python -m train.main --config configs/elic.py:tiny --workdir runs/elic-tiny --config.data.path=PHOTOS
    python -m train.export runs/elic-tiny elic-tiny.safetensors

| variant | for | hardware | to expect |
|---|---|---|---|
| `tiny` | trials | two CPU cores | 10 % fewer bits than JPEG after `--config.steps=3000` |
| `base` | the paper's size, 34 M parameters | a pod slice | weights of a reimplementation by `hcfss import-torch` |

`base` tells a slice of the first one and the one before it, as that code does; `base,seen=all`, as the paper does. With
a lambda (`base,lambda=0.013`) the model is exactly the paper's; without, it has gains and learns all rates.
"""

import ml_collections

from configs.defaults import PORTED, TINY, experiment

SIZES = {"tiny": TINY, "base": PORTED}


def get_config(variant: str = "tiny") -> ml_collections.ConfigDict:
    """The experiment `variant`. Raises ValueError, which says what there is, for one that does not exist."""
    return experiment("elic", SIZES, variant)
