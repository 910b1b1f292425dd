"""An optimiser from optax, or of one's own."""

import optax
from ml_collections import ConfigDict

from train.packing import Packing


def lion(config: ConfigDict, packing: Packing) -> optax.GradientTransformation:
    """Signs of a mean of gradients (Chen et al. 2023). The learning rate, clipping and decay are the trainer's."""
    return optax.scale_by_lion()
