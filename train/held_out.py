"""The held-out images of a run, photos and drawn: estimated rate and distortion of all, real files of a few photos."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from train.drawn import KINDS, draw
from train.errors import NoImages
from train.experiment import build_loss, parameters
from train.packing import Packing, Vectors
from train.photos import decode
from train.real_files import code_files
from train.recipe import centre_crop
from train.sources import Source
from train.validate import Figures, make_validation

_SEED = 5  # of the drawn images; what a run trains on comes from another kind of generator
HeldOut = Callable[[Vectors], tuple[Figures, np.ndarray | None]]


def make_held_out(
    config: ConfigDict, model: Any, packing: Packing, source: Source, mesh: Mesh
) -> HeldOut:
    """The function of parameters -> (figures, picture), which all hosts call together.

    The first host also codes the first `config.eval_files` images to real files at each level, and returns a picture of
    them beside the originals. Raises NoImages where no image can be read.
    """
    crops = _centre_crops(source, config.eval_crop)
    drawn = draw_held_out(crops)
    loss = build_loss(config)
    validate = make_validation(model, packing, loss, crops, drawn, config.eval_levels, mesh)
    shown = crops[: config.eval_files]

    def held_out(ema: Vectors) -> tuple[Figures, np.ndarray | None]:
        figures = validate(ema)
        if not len(shown):
            return figures, None
        params = parameters(ema, packing, mesh)
        if jax.process_index():
            return figures, None
        real = code_files(config.model.name, model, params, shown, config.eval_levels)
        return {**figures, **real.figures}, real.picture

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
