"""Named sets of pictures that a run is measured on beside its held-out images: whole ones, at each validation.

    --config.eval_sets='(("kodak","KODAK"),("text","text.tar"))'

The figures are those of `python -m eval.main --estimate` with the weights of the moment.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from hcfss_jax.codec.tiles import LARGEST_TILE
from hcfss_jax.evaluation import Evaluation, batches_of, evaluate
from hcfss_jax.runtime.hosts import share
from train.errors import BadConfig, NoImages
from train.experiment import create, factory_of
from train.photos import decode
from train.sources import Source, open_source
from train.validate import Figures

_PER_DEVICE = 2  # pictures at a time, as in validation


@dataclasses.dataclass(frozen=True)
class EvalSet:
    """name: of its figures. told: what it holds, in words. pictures: this host's share, each uint8 `[H, W, 3]`."""

    name: str
    told: str
    pictures: Sequence[np.ndarray]


def open_eval_sets(config: ConfigDict) -> list[EvalSet]:
    """Those of `config.eval_sets`; their pictures stay in memory, on each host its share.

    Raises BadConfig for what are no sets, NoImages, with the name of the set, for a place without pictures and for one
    that cannot be read or is too large.
    """
    names = _names(config.eval_sets)
    if names and not config.eval_every:
        raise BadConfig(
            "config.eval_sets are measured every config.eval_every steps, and that is 0"
        )
    return [_open(name, path) for name, path in config.eval_sets]


def make_eval_sets(
    config: ConfigDict, sets: Sequence[EvalSet], mesh: Mesh
) -> Callable[[Any], Figures]:
    """The function of the model's parameters -> figures, which all hosts call together.

    `NAME/bpp`, `NAME/psnr` and `NAME/ms_ssim` are the means over the pictures at all of `config.eval_levels`,
    `NAME/psnr_L` and so on those at one of them. MS-SSIM is missing where a side is under 161 pixels.
    """
    fields = config.model.overrides.to_dict()
    # The codec's own model computes as codecs do, whatever the trainer's is told.
    model = create(config.model.name, fields, factory_of(config.model.factory))
    at_a_time = _PER_DEVICE * len(mesh.local_devices)

    def measure(params: Any) -> Figures:
        figures: Figures = {}
        for each in sets:
            batches = batches_of(model, each.pictures, config.eval_levels, at_a_time)
            # One program for each size of arrays, however many pictures a set has of it.
            full = ({**batch, "room": at_a_time} for batch in batches)
            found = evaluate(model, {"params": params}, full, mesh)
            figures |= _named(each.name, found, config.eval_levels)
        return figures

    return measure


def _named(name: str, found: Evaluation, levels: Sequence[int]) -> Figures:
    figures = {f"{name}/{figure}": mean for figure, mean in found.means().items()}
    for level in levels:
        means = found.at(level).means()
        figures |= {f"{name}/{figure}_{level}": mean for figure, mean in means.items()}
    return figures


def _names(sets: Any) -> list[str]:
    """Raises BadConfig for anything but pairs of a name and a place."""
    pairs = [isinstance(each, tuple | list) and len(each) == 2 for each in sets]
    if not all(pairs) or not all(isinstance(part, str) and part for each in sets for part in each):
        raise BadConfig(
            f"config.eval_sets={sets!r} must hold pairs of a name and a directory, a tar or ArrayRecord files, as "
            '(("kodak","KODAK"),)'
        )
    names = [name for name, _ in sets]
    if len(set(names)) < len(names):
        raise BadConfig(f"config.eval_sets: {names} are not one name for each set")
    return names


def _open(name: str, path: str) -> EvalSet:
    try:
        source = open_source(path)
    except NoImages as error:
        raise NoImages(f"config.eval_sets, {name!r}: {error}") from error
    told = f"{len(source):,} images, with names and sizes of digest {source.digest}"
    pictures = [_picture(name, source, number) for number in share(range(len(source)))]
    return EvalSet(name, told, pictures)


def _picture(name: str, source: Source, number: int) -> np.ndarray:
    """uint8 `[H, W, 3]`. One that is missing would make figures that compare with nothing."""
    picture = decode(source, number)
    what = f"config.eval_sets, {name!r}: {source.name(number)}"
    if picture is None:
        raise NoImages(f"{what} cannot be read: mend it or take it out")
    if max(picture.shape[:2]) > LARGEST_TILE:
        raise NoImages(
            f"{what} has a side above {LARGEST_TILE} pixels, and is coded in tiles: cut it, or measure it by eval.main"
        )
    return picture
