"""Experiments with HCFSSNet; `configs/defaults.py` says what a variant may add.

    python -m train.main --config configs/hcfssnet.py:tiny --workdir runs/tiny --config.data.path=PHOTOS
    python -m train.export runs/tiny hcfssnet-tiny.safetensors

| variant | for | hardware | to expect |
|---|---|---|---|
| `tiny` | the next weights, trials | two CPU cores, a GPU | a third off JPEG; after far more, half: docs/training.md |
| `small` | use | one GPU or TPU chip | not trained yet |
| `base` | paper scale (N=128, M=320) | a pod slice, see docs/pods.md | not trained yet |

PHOTOS is a directory or a tar of images, or what `train.pack` made of them.
"""

import ml_collections

from configs.defaults import BASE, SMALL, TINY, experiment

SIZES = {
    "tiny": TINY._replace(batch_size=8, peak=2e-3, levels=12, optimiser="soap"),
    "small": SMALL,
    "base": BASE,
}


def get_config(variant: str = "tiny") -> ml_collections.ConfigDict:
    """The experiment `variant`. Raises ValueError, which says what there is, for one that does not exist."""
    return experiment("hcfssnet", SIZES, variant)
