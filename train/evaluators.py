"""What else is measured at each validation: real files of a few held-out images, and what the user's own code finds."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from train.experiment import factory_of
from train.named import choose
from train.real_files import code_files

Figures = Mapping[str, float]


class Found(NamedTuple):
    """figures: by name. picture: to show, uint8 `[H, W, 3]`."""

    figures: Figures
    picture: np.ndarray | None = None


Evaluator = Callable[[Any, np.ndarray], Found | None]
"""(the averaged parameters as the model takes them, of NumPy; the held-out photos, uint8 `[N, s, s, 3]`) -> what it
finds. It runs on the first host alone, at each validation."""


def real_files(config: ConfigDict, model: Any) -> Evaluator:
    """The first `config.eval_files` photos through whole files, at `config.eval_levels`."""
    # The codec's own model computes as codecs do, whatever the trainer's is told: see `create_model`.
    factory = factory_of(config.model.factory) if config.model.factory else None

    def evaluate(params: Any, photos: np.ndarray) -> Found | None:
        shown = photos[: config.eval_files]
        if not len(shown):
            return None
        name, levels = config.model.name, config.eval_levels
        real = code_files(name, model, params, shown, levels, factory)
        return Found(real.figures, real.picture)

    return evaluate


EVALUATORS: dict[str, Callable[[ConfigDict, Any], Evaluator]] = {"files": real_files}
"""(config, model) -> an evaluator."""


def build_evaluators(config: ConfigDict, model: Any) -> list[Evaluator]:
    """Those that `config.evaluators` names, ours or "package.module:name". Raises BadConfig."""
    return [choose("evaluators", name, EVALUATORS)(config, model) for name in config.evaluators]
