"""Experiments with TCM; `configs/defaults.py` says what a variant may add.

    python -m train.main --config configs/tcm.py:tiny --workdir runs/tcm-tiny --config.data.path=PHOTOS
    python -m train.export runs/tcm-tiny tcm-tiny.safetensors

| variant | for | hardware | to expect |
|---|---|---|---|
| `tiny` | trials | two CPU cores | 26 % fewer bits than JPEG after `--config.steps=3000`, 14 to 19 minutes |
| `n64`, `n96`, `n128` | the authors' sizes, 45, 59 and 77 M | a pod slice | their weights by `hcfss import-torch` |

With a lambda (`n128,lambda=0.013`) the model is exactly the authors'; without, it has gains and learns all rates.
"""

import ml_collections

from configs.defaults import PORTED, TINY, experiment

SIZES = {"tiny": TINY, "n64": PORTED, "n96": PORTED, "n128": PORTED}


def get_config(variant: str = "tiny") -> ml_collections.ConfigDict:
    """The experiment `variant`. Raises ValueError, which says what there is, for one that does not exist."""
    return experiment("tcm", SIZES, variant)
