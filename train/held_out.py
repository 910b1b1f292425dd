"""The held-out images of a run, photos and drawn: estimated rate and distortion of all, and what evaluators find."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from train.drawn import KINDS, draw
from train.errors import NoImages
from train.eval_sets import EvalSet, make_eval_sets
from train.evaluators import build_evaluators
from train.experiment import parameters
from train.objective import rate_distortion_of
from train.packing import Packing, Vectors
from train.photos import decode
from train.sources import Source
from train.training_crop import centre_crop
from train.validate import Figures, make_validation

_SEED = 5  # of the drawn images; what a run trains on comes from another kind of generator
HeldOut = Callable[[Vectors], tuple[Figures, np.ndarray | None]]


def make_held_out(
    config: ConfigDict,
    model: Any,
    packing: Packing,
    source: Source,
    mesh: Mesh,
    sets: Sequence[EvalSet] = (),
) -> HeldOut:
    """The function of parameters -> (figures, picture), which all hosts call together.

    Rate and distortion are those of `config.lambdas` and `config.metric`, whatever is minimised beside. The first host
    also calls each of `config.evaluators`, and returns the first picture of theirs. sets: measured besides. Raises
    BadConfig for an evaluator that there is not, NoImages where no image can be read.
    """
    evaluators = build_evaluators(config, model)
    crops = _centre_crops(source, config.eval_crop)
    drawn = draw_held_out(crops)
    loss = rate_distortion_of(config)
    validate = make_validation(model, packing, loss, crops, drawn, config.eval_levels, mesh)
    of_sets = make_eval_sets(config, sets, mesh) if sets else None

    def held_out(ema: Vectors) -> tuple[Figures, np.ndarray | None]:
        figures, picture = validate(ema), None
        if not (evaluators or of_sets):
            return figures, None
        params = parameters(ema, packing, mesh)
        if of_sets:
            figures |= of_sets(params)
        for evaluate in evaluators if jax.process_index() == 0 else ():
            if found := evaluate(params, crops):
                figures |= found.figures
                picture = found.picture if picture is None else picture
        return figures, picture

    return held_out


def _centre_crops(source: Source, side: int) -> np.ndarray:
    """uint8 `[N, side, side, 3]` of those images that can be read."""
    photos = (decode(source, index) for index in range(len(source)))
    crops = [centre_crop(photo, side) for photo in photos if photo is not None]
    if not crops:
        raise NoImages(f"none of the {len(source)} held-out images can be read")
    return np.stack(crops)


def draw_held_out(photos: np.ndarray) -> np.ndarray:
    """One image of each kind that `train.drawn` knows, the same ones in every run with these photos.

    photos: uint8 `[N, s, s, 3]`, to be dithered or shown in windows -> uint8 `[K, s, s, 3]`.
    """
    side = photos.shape[1]
    drawn = [
        draw(side, np.random.default_rng((_SEED, k)), photos[k % len(photos)], kind)
        for k, kind in enumerate(KINDS)
    ]
    return np.stack(drawn)
