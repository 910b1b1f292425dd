"""Experiments with ROI Swin codecs; `configs/defaults.py` says what a variant may add.

    python -m train.main --config configs/roi.py:tiny --workdir runs/roi-tiny --config.data.path=PHOTOS
    python -m train.export runs/roi-tiny roi-tiny.safetensors

| variant | for | hardware | to expect |
|---|---|---|---|
| `tiny` | trials | two CPU cores | 5 % fewer bits than JPEG after `--config.steps=3000` |
| `base` | the layout of TIC, as we read the paper | a pod slice | not trained |

Crops come with masks that are drawn (`train/masks.py`), and the objective counts what lies outside of them less, by
`config.region_ratio` (`train/region.py`). Validation shows the encoder no mask: the whole picture is of interest.
"""

import ml_collections

from configs.defaults import BASE, TINY, experiment

SIZES = {"tiny": TINY, "base": BASE}


def get_config(variant: str = "tiny") -> ml_collections.ConfigDict:
    """The experiment `variant`. Raises ValueError, which says what there is, for one that does not exist."""
    config = experiment("roi", SIZES, variant)
    config.objective = "region"
    # How many times more an error within counts than one outside. The quality-map codec's ends lie 80 apart, for a
    # training of its length; 10, our choice, is about five of the eight levels.
    config.region_ratio = 10.0
    config.data.given = (("mask", 1),)
    return config
