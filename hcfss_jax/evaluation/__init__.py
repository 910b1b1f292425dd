"""Rate and distortion of many pictures without files: on all devices of all hosts, each picture counted once.

found = evaluate(model, variables, batches, mesh)
found.means()["psnr"], found.bpp
"""

from hcfss_jax.evaluation.batches import Batch, batch_of, batches_of
from hcfss_jax.evaluation.evaluator import Evaluator
from hcfss_jax.evaluation.figures import Evaluation
from hcfss_jax.evaluation.over_hosts import evaluate

__all__ = ["Batch", "Evaluation", "Evaluator", "batch_of", "batches_of", "evaluate"]
