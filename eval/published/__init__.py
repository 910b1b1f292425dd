"""Curves that others have published, each with its source, as one JSON file for each set of pictures.

`set` is its name for people, `images` how many it has, `digest` that of their pixels where known (see
`eval.sweep`). A curve holds means over the images, in ascending rate: bpp, psnr (dB) and, where it was
published, ms_ssim. The first curve of a set is the usual anchor of BD-rates; `plotted` are those that a plot shows.
"""

import functools
import json
from pathlib import Path
from typing import Any

from eval.summary import Curve

_FOLDER = Path(__file__).parent
NAMES = tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))


@functools.cache
def load(name: str) -> dict[str, Any]:
    """The set of one of NAMES, as its file holds it."""
    return json.loads((_FOLDER / f"{name}.json").read_text())


def curves(name: str) -> dict[str, Curve]:
    """The curves of a set, in the form of measured ones, by the codecs' names."""
    return {codec: _entries(columns) for codec, columns in load(name)["curves"].items()}


def about(name: str, digest: str) -> dict[str, Any]:
    """What a report says of a set: where its curves come from, and whether `digest` is that of its pictures."""
    found = load(name)
    sources = {
        codec: "; ".join(filter(None, (curve.get("note"), curve["source"])))
        for codec, curve in found["curves"].items()
    }
    same = digest == found.get("digest")
    head = {key: found[key] for key in ("set", "images")}
    return {"name": name, **head, "same_pictures": same, "sources": sources}


def recognise(digest: str) -> str | None:
    """The name of the set that has exactly these pictures."""
    return next((name for name in NAMES if load(name).get("digest") == digest), None)


def _entries(columns: dict[str, Any]) -> Curve:
    figures = {key: values for key, values in columns.items() if isinstance(values, list)}
    return [dict(zip(figures, row, strict=True)) for row in zip(*figures.values(), strict=True)]
