"""What is known of every system, as plain values: reports of trials, the work of their models, what papers say."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from tqdm import tqdm

from eval import published
from eval.report import read_report
from eval.summary import bd_rates
from eval.trials import Length, trained_for
from eval.work import variable_shapes, work
from hcfss_jax.errors import HcfError
from hcfss_jax.models import create_model, restore_model
from hcfss_jax.models.registry import FAMILIES
from hcfss_jax.weights import WeightPackage, load_package, shipped_with

FORMAT = 1
PICTURE = (768, 512)
"""Width and height of the picture whose work is told, Kodak's. Attention to a whole map takes more on larger ones."""
MEASURED_ANCHOR, PUBLISHED_SET = "jpeg", "kodak"

MEANINGS = {
    "multiply_adds": "those of convolutions and matrix products a pixel of a picture of 768x512: of the encoder, the "
    "picture to its latents and all predictions; of the decoder, all predictions and the latents to the picture. What "
    "is elementwise, as the steps of a state-space scan, is not among them",
    "steps": "parts of the latents that a decoder predicts one after the other",
    "seconds": "picture to file and back, without compilation, means over pictures and qualities, on the machine told",
    "bd_rate": "percent, by PSNR, over the interval (dB) that both curves reach",
    "exact": "pictures whose decoder made what their encoder promised, to the bit",
    "pixels": "seen in training: steps times crops a step times pixels a crop; after: the weights that it began from",
}


class Measured(NamedTuple):
    """A report, where it is, and the weights that it is of, where they are known."""

    folder: str
    report: Mapping[str, Any]
    package: WeightPackage | None

    @property
    def family(self) -> str:
        """Of the model."""
        return self.report["codec"]["name"].partition("-")[0]

    @property
    def training(self) -> tuple[Length, str] | None:
        """See `trained_for`."""
        return trained_for(self.package.meta) if self.package else None


def read_trials(folder: Path, size: str) -> tuple[list[Measured], list[str]]:
    """The reports in the folders of `folder` that are about one size of a family of ours; and lines on the others."""
    found, passed_over = [], []
    for path in sorted(folder.glob("*/report.json")):
        try:
            report = read_report(path)
        except HcfError as error:
            passed_over.append(f"passed over: {error}")
            continue
        family, _, of_size = report["codec"]["name"].partition("-")
        if family in FAMILIES and of_size == size:
            found.append(Measured(path.parent.name, report, _package(path.parent, report)))
        else:
            passed_over.append(f"passed over: {path}, of {report['codec']['name']}")
    return found, passed_over


def make_table(
    trials: Sequence[Measured],
    length: Length,
    families: Iterable[str] = FAMILIES,
    failed: Mapping[str, str] = {},
    size: str = "tiny",
    paper: bool = True,
) -> dict[str, Any]:
    """All there is to tell, for JSON.

    length: what trials are compared that saw as much, from fresh weights. families: of the registry. failed: why a
    family's trial came to no end. size: of the trials. paper: whether the largest sizes are told, too.

    `trained` has a row for each family, with `why` where there is no result; `otherwise` those of trials of any other
    length; `paper` one for each family.
    """
    families = list(families)
    equal = [trial for trial in trials if trial.training == (length, "")]
    others = [trial for trial in trials if trial not in equal and trial.family in families]
    trained, of_paper = [], []
    for family in tqdm(families, unit="family", disable=None):
        rows = [_row(trial) for trial in equal if trial.family == family]
        why = failed.get(family, "not trained yet")
        name = f"{family}-{size}"
        trained += rows or [
            {"family": family, "model": name, **_cost(create_model(name)), "why": why}
        ]
        if paper:
            of_paper.append(_paper_row(family))
    return {
        "format": FORMAT,
        "length": {**length._asdict(), "pixels": length.pixels},
        "families_left_out": [family for family in FAMILIES if family not in families],
        "picture": {"width": PICTURE[0], "height": PICTURE[1]},
        "published_anchor": next(iter(published.curves(PUBLISHED_SET))),
        "meanings": MEANINGS,
        "trained": trained,
        "otherwise": [_row(trial) for trial in others],
        "paper": of_paper,
    }


def _package(folder: Path, report: Mapping[str, Any]) -> WeightPackage | None:
    """The weights that a report is of: beside it, or with the library."""
    name, weights = report["codec"]["name"], report["codec"]["weights"]
    for path in sorted(folder.glob("*.safetensors")):
        package = load_package(path)
        if [package.fingerprint.hex()] == weights:
            return package
    shipped = shipped_with(name, bytes.fromhex(weights[0])) if len(weights) == 1 else None
    return load_package(shipped) if shipped else None


def _row(trial: Measured) -> dict[str, Any]:
    report, package = trial.report, trial.package
    curve = report["curves"][report["codec"]["name"]]
    of_set = report["bd_rate"]["published"]
    length, after = trial.training or (None, "")
    cost = (
        _cost(restore_model(package.name, package.config))
        if package
        else {"multiply_adds": None, "steps": None}
    )
    return {
        "family": trial.family,
        "model": report["codec"]["name"],
        **cost,
        "parameters": report["codec"]["parameters"],
        "encode_seconds": _mean(curve, "encode_seconds"),
        "decode_seconds": _mean(curve, "decode_seconds"),
        "qualities": [entry["quality"] for entry in curve],
        "bd_rate": {
            "measured": _by_psnr(report["bd_rate"]["measured"].get(MEASURED_ANCHOR)),
            "published": _by_psnr(next(iter(of_set.values()), None)),
        },
        "exact": report["exact"],
        "images": report["data"]["images"],
        "data": report["data"]["name"],
        "pixels": length.pixels if length else None,
        "after": after,
        "weights": report["codec"]["weights"],
        "report": trial.folder,
        "machine": {key: report["machine"][key] for key in ("device", "cores")},
    }


def _paper_row(family: str) -> dict[str, Any]:
    of = FAMILIES[family]
    name = f"{family}-{list(of.variants)[-1]}"
    curves = published.curves(PUBLISHED_SET)
    anchor = next(iter(curves.values()))
    own = curves.get(of.published.curve)
    return {
        "family": family,
        "model": name,
        "title": of.title,
        "paper": of.paper,
        "url": of.url,
        **_cost(create_model(name)),
        "bd_rate_of_its_points": bd_rates(own, anchor)["psnr"] if own else None,
        "published": of.published._asdict(),
        "held_to": of.held_to,
    }


def _cost(model: Any) -> dict[str, Any]:
    """Parameters, multiply-adds a pixel, and steps of the plan, which a decoder takes one after the other."""
    width, height = PICTURE
    done = work(model, height, width)
    leaves = jax.tree.leaves(variable_shapes(model)["params"])
    return {
        "parameters": sum(math.prod(leaf.shape) for leaf in leaves),
        "multiply_adds": {
            "encoder": round(done.encoder / (width * height)),
            "decoder": round(done.decoder / (width * height)),
        },
        "steps": len(model.plan),
    }


def _by_psnr(answers: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return answers["psnr"] if answers else None


def _mean(curve: Sequence[Mapping[str, Any]], name: str) -> float | None:
    values = [entry[name] for entry in curve if entry.get(name) is not None]
    return float(np.mean(values)) if len(values) == len(curve) else None
