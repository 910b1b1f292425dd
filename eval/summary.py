"""From points of single pictures to a codec's curve, and to its BD-rate against others."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from eval.bd_rate import bd_rate
from eval.measure import Point, decibel

Curve = list[dict[str, Any]]

MEANINGS = {
    "bpp": "bits of the whole file a pixel (without files: the estimate), mean over the images",
    "estimated_bpp": "what the model says its symbols cost, without the file around them; mean over the images",
    "psnr": "mean of the images' PSNRs, dB, each on decoded 8-bit RGB pixels",
    "region_psnr": "the same of the pixels of interest, as masks say; missing without masks",
    "background_psnr": "the same of all other pixels",
    "psnr_of_mean_mse": "PSNR of the mean of the images' squared errors, dB",
    "ms_ssim": "mean over the images; missing where one of them has a side under 161 pixels",
    "ms_ssim_db": "-10 log10(1 - x) of the mean MS-SSIM x",
    "encode_seconds": "picture to file, without compilation, mean over the images",
    "decode_seconds": "file to picture, without compilation, mean over the images",
}
_MEANS = (
    *("bpp", "estimated_bpp", "psnr", "region_psnr", "background_psnr", "ms_ssim"),
    *("encode_seconds", "decode_seconds"),
)
METRICS = {"psnr": "PSNR", "ms_ssim_db": "MS-SSIM"}

_COLUMNS = {
    "bpp": ("bpp", 4),
    "estimated_bpp": ("estimated", 4),
    "psnr": ("mean PSNR", 2),
    "region_psnr": ("inside", 2),
    "background_psnr": ("outside", 2),
    "psnr_of_mean_mse": ("of mean MSE", 2),
    "ms_ssim": ("MS-SSIM", 5),
    "ms_ssim_db": ("in dB", 2),
    "encode_seconds": ("encode s", 2),
    "decode_seconds": ("decode s", 2),
}

_OF_MASKS = ("region_psnr", "background_psnr")


def curves(points: Iterable[Point]) -> dict[str, Curve]:
    """For each codec its means over the pictures, one entry for each quality of each weights, in ascending rate.

    MEANINGS tells what the figures are; a value that a picture lacks makes its mean None.
    """
    grouped: dict[str, dict[tuple[str, float], list[Point]]] = {}
    for point in points:
        setting = (point.weights, point.quality)
        grouped.setdefault(point.codec, {}).setdefault(setting, []).append(point)
    return {
        codec: sorted(map(_means, settings.values()), key=lambda entry: entry["bpp"])
        for codec, settings in grouped.items()
    }


def bd_rates(curve: Curve, anchor: Curve) -> dict[str, dict[str, Any]]:
    """BD-rate in percent of one curve against another: mean quality at mean bpp.

    By PSNR, and by MS-SSIM in dB. Where there is no answer, why.
    """
    answers: dict[str, dict[str, Any]] = {}
    for metric in METRICS:
        (anchor_rate, of_anchor), (rate, of_curve) = (columns(c, metric) for c in (anchor, curve))
        if not (of_anchor and of_curve):
            answers[metric] = {"percent": None, "why": f"no {METRICS[metric]} is known"}
            continue
        try:
            answer = bd_rate(anchor_rate, of_anchor, rate, of_curve)
            answers[metric] = dataclasses.asdict(answer)
        except ValueError as error:
            answers[metric] = {"percent": None, "why": str(error)}
    return answers


def columns(curve: Curve, metric: str) -> tuple[list[float], list[float]]:
    """(bpp, values) of the entries that have a value of this metric."""
    pairs = [(entry["bpp"], entry.get(metric)) for entry in curve]
    if metric == "ms_ssim_db":
        pairs = [(entry["bpp"], decibel(entry.get("ms_ssim"))) for entry in curve]
    known = [(rate, value) for rate, value in pairs if value is not None]
    return [rate for rate, _ in known], [value for _, value in known]


def table(curve: Curve) -> list[list[str]]:
    """A curve for people to read: a line of heads, then one a quality, or one for each of several weights."""
    several = len({entry.get("weights") for entry in curve}) > 1
    first = "weights" if several else "quality"
    shown = {
        name: column
        for name, column in _COLUMNS.items()
        if name not in _OF_MASKS or any(entry.get(name) is not None for entry in curve)
    }
    rows = [[first, *(head for head, _ in shown.values())]]
    for entry in curve:
        figures = [_cell(entry.get(name), places) for name, (_, places) in shown.items()]
        rows.append([entry["weights"] if several else f"{entry['quality']:g}", *figures])
    return rows


def told(answer: dict[str, Any]) -> tuple[str, str]:
    """A BD-rate and the interval over which it is taken, for people; or none, and why."""
    if answer["percent"] is None:
        return "n/a", answer["why"]
    span = f"{answer['low']:.2f} to {answer['high']:.2f} dB, {100 * answer['overlap']:.0f} %"
    return f"{answer['percent']:+.2f} %", span


def _means(group: Sequence[Point]) -> dict[str, Any]:
    entry: dict[str, Any] = {"quality": group[0].quality, "images": len(group)}
    if group[0].weights:
        entry["weights"] = group[0].weights
    for name in _MEANS:
        values = [getattr(point, name) for point in group]
        entry[name] = None if None in values else float(np.mean(values))
    error = float(np.mean([point.mse for point in group]))
    entry["psnr_of_mean_mse"] = 10 * math.log10(255**2 / error) if error else None
    entry["ms_ssim_db"] = decibel(entry["ms_ssim"])
    return entry


def _cell(value: float | None, places: int) -> str:
    return "n/a" if value is None else f"{value:.{places}f}"
