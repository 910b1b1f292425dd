"""Experiments with SELIC; `configs/defaults.py` says what a variant may add.

    python -m train.main --config configs/selic.py:tiny --workdir runs/selic-tiny --config.data.path=PHOTOS
    python -m train.export runs/selic-tiny selic-tiny.safetensors

| variant | for | hardware | to expect |
|---|---|---|---|
| `tiny` | trials | two CPU cores | 15 % fewer bits than JPEG after `--config.steps=3000` |
| `base` | the plain codec of WeConvene's size | a pod slice | not trained |

A photo's caption is the file NAME.txt beside it, in a directory; it is told in three of four crops of it, as the
built-in stand-in for a text encoder makes numbers of it. A photo without one is one without a text, and where no photo
has one the base codec is all that is trained. `tiny,text=False` is the base codec alone.
"""

import ml_collections

from configs.defaults import BASE, TINY, experiment

SIZES = {"tiny": TINY, "base": BASE}


def get_config(variant: str = "tiny") -> ml_collections.ConfigDict:
    """The experiment `variant`. Raises ValueError, which says what there is, for one that does not exist."""
    config = experiment("selic", SIZES, variant)
    if config.model.overrides.get("text", True):
        config.data.given = (("text", 768),)
    return config
