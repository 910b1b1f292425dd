"""Experiments with enhanced residual SwinV2 codecs; `configs/defaults.py` says what a variant may add.

    python -m train.main --config configs/swinv2.py:tiny --workdir runs/swinv2-tiny --config.data.path=PHOTOS
    python -m train.export runs/swinv2-tiny swinv2-tiny.safetensors

| variant | for | hardware | to expect |
|---|---|---|---|
| `tiny` | trials | two CPU cores | 16 % fewer bits than JPEG after `--config.steps=3000` |
| `base` | the layout of TIC, as we read the paper | a pod slice | not trained |
"""

import ml_collections

from configs.defaults import BASE, TINY, experiment

SIZES = {"tiny": TINY, "base": BASE}


def get_config(variant: str = "tiny") -> ml_collections.ConfigDict:
    """The experiment `variant`. Raises ValueError, which says what there is, for one that does not exist."""
    return experiment("swinv2", SIZES, variant)
