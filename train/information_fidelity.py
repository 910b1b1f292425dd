"""Rate, distortion, and for the first part of training how unlike two resolutions of a latent are (arXiv 2209.03353).

An experiment names it, `config.objective = "train.information_fidelity:objective"`, and says

    config.fidelity_weight     of what the model calls "infidelity" in `Output.features`
    config.fidelity_fraction   of the steps, from the first on, in which it counts
"""

import dataclasses

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from hcfss_jax.models.skeleton import Output
from train.objective import Batch, Figures, Objective, feature, rate_distortion


def objective(config: ConfigDict) -> Objective:
    """What is usual, and the term. Raises BadConfig for a model that hands out no "infidelity"."""
    usual, steps = rate_distortion(config), round(config.fidelity_fraction * config.steps)

    def infidelity(
        output: Output, batch: Batch, step: jax.Array, frozen: object
    ) -> tuple[jax.Array, Figures]:
        found = feature(output, "infidelity")
        return jnp.where(step < steps, found, 0.0), {"infidelity": found}

    terms = (*usual.terms, (float(config.fidelity_weight), infidelity))
    return dataclasses.replace(usual, terms=terms)
