"""Rate, distortion, and how large the latents are: so that channels fall silent which a picture can do without.

As in arXiv 2309.02529. An experiment names it, `config.objective = "train.sparse_latents:objective"`, and says

    config.magnitude_weight   of what the model calls "magnitude" in `Output.features`
"""

import dataclasses

import jax
from ml_collections import ConfigDict

from hcfss_jax.models.skeleton import Output
from train.distillation import with_teacher
from train.objective import Batch, Figures, Objective, feature, number, rate_distortion


def objective(config: ConfigDict) -> Objective:
    """What is usual, and the term; and what `config.distil` asks of a teacher, where it names one.

    Raises BadConfig for a weight that is none, and for a model that hands out no "magnitude".
    """

    def magnitude(
        output: Output, batch: Batch, step: jax.Array, frozen: object
    ) -> tuple[jax.Array, Figures]:
        found = feature(output, "magnitude")
        return found, {"magnitude": found}

    usual = rate_distortion(config)
    terms = (*usual.terms, (number(config, "magnitude_weight", least=0), magnitude))
    found = dataclasses.replace(usual, terms=terms)
    return with_teacher(found, config) if config.distil.teacher else found
