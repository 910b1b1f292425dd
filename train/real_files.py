"""What the estimated bits are worth: held-out images through whole files, with the weights of the moment."""

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hcfss_jax.codec import Codec
from hcfss_jax.models.contracts import ModelFactory
from hcfss_jax.runtime.whole_file import write_whole
from hcfss_jax.weights import make_package


@dataclasses.dataclass(frozen=True)
class RealFiles:
    """figures: `file_bpp_L`, of the whole files at each level, and `file_over_estimate`, the ratio of all their bits to
    the model's estimate. picture: the images beside what their decoders made, uint8 `[rows, columns, 3]`.
    """

    figures: dict[str, float]
    picture: np.ndarray


def code_files(
    name: str,
    model: Any,
    params: Any,
    crops: np.ndarray,
    levels: Sequence[int],
    factory: ModelFactory | None = None,
) -> RealFiles:
    """Write and read a file for each of `crops`, uint8 `[N, s, s, 3]`, at each level.

    factory: of a model that is not one of ours. Raises DecodeMismatch where a decoder does not get the symbols that
    were written.
    """
    codec = Codec(make_package(model, name, params, {}, "float32"), model=factory)
    columns, figures, bits, estimate = [crops], {}, 0.0, 0.0
    for level in levels:
        encoded = [codec.encode(crop, level + 1) for crop in crops]
        columns.append(np.stack([np.asarray(codec.decompress(e.data)) for e in encoded]))
        of_level = 8 * sum(len(e.data) for e in encoded)
        figures[f"file_bpp_{level}"] = of_level / (crops.size / 3)
        bits, estimate = bits + of_level, estimate + sum(e.estimated_bits for e in encoded)
    rows = [np.concatenate(row, axis=1) for row in zip(*columns, strict=True)]
    return RealFiles(
        {**figures, "file_over_estimate": bits / estimate}, np.concatenate(rows, axis=0)
    )


def save_picture(path: Path, picture: np.ndarray) -> None:
    """Write uint8 `[H, W, 3]` as a PNG, whole or not at all."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    write_whole(path, file.getvalue())
