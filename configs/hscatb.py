"""Experiments with HSCATB; `configs/defaults.py` says what a variant may add.

    python -m train.main --config configs/hscatb.py:tiny --workdir runs/hscatb-tiny --config.data.path=PHOTOS
    python -m train.export runs/hscatb-tiny hscatb-tiny.safetensors

| variant | for | hardware | to expect |
|---|---|---|---|
| `tiny` | trials | two CPU cores | 7 % more bits than JPEG after `--config.steps=3000` |
| `base` | the paper's widths | a pod slice | not trained yet |

`base,low_share=0.0` and `base,low_share=1.0` are the paper's "HF only" and "LF only" of Table I.
"""

import ml_collections

from configs.defaults import BASE, TINY, experiment

SIZES = {"tiny": TINY, "base": BASE}


def get_config(variant: str = "tiny") -> ml_collections.ConfigDict:
    """The experiment `variant`. Raises ValueError, which says what there is, for one that does not exist."""
    return experiment("hscatb", SIZES, variant)
