"""Experiments with the codec of this directory; `configs/defaults.py` says what a variant may add.

python -m train.main --config docs/example/blockcodec/config.py:tiny --workdir runs/blocks
"""

import ml_collections

from configs.defaults import TINY, experiment

SIZES = {"tiny": TINY._replace(crop=64, batch_size=8, steps=3_000, peak=1e-3)}


def get_config(variant: str = "tiny") -> ml_collections.ConfigDict:
    """The experiment `variant`. Raises ValueError, which says what there is, for one that does not exist."""
    config = experiment("blockcodec", SIZES, variant)
    config.model.factory = "blockcodec.model:create"
    config.objective = "blockcodec.loss:with_edges"
    config.data.source = "blockcodec.data:waves"
    config.optimiser = "blockcodec.optimiser:lion"
    config.learning_rate = 3e-4  # of steps that are signs
    config.writers = (*config.writers, "blockcodec.writer:figures_csv")
    config.evaluators = (*config.evaluators, "blockcodec.evaluator:worst")
    config.rate_weights = (("low", 1.0), ("high", 1.0))
    config.data.drawn = 0.0
    config.eval_every, config.eval_crop = 1_000, 64
    config.edges = 0.001  # weight of its own loss term
    config.pictures = 512  # that its own source makes
    return config
