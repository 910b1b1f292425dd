"""From points of single pictures to a codec's curve, and to its BD-rate against others."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from eval.bd_rate import bd_rate
from eval.measure import Point

Curve = list[dict[str, float | None]]
_MEANS = (
    "bpp",
    "estimated_bpp",
    "psnr",
    "ms_ssim",
    "encode_seconds",
    "decode_seconds",
)


def curves(points: Sequence[Point]) -> dict[str, Curve]:
    """For each codec its means over the pictures, one entry a quality, in ascending quality.

    PSNR is the mean of the pictures' values in dB, as papers report it; a value that a picture
    lacks (MS-SSIM of a small one) makes its mean None.
    """
    grouped: dict[str, dict[float, list[Point]]] = {}
    for point in points:
        grouped.setdefault(point.codec, {}).setdefault(point.quality, []).append(point)
    return {
        codec: [_means(quality, group) for quality, group in sorted(levels.items())]
        for codec, levels in grouped.items()
    }


def bd_rates(curve: Curve, anchor: Curve) -> dict[str, dict[str, Any]]:
    """BD-rate in percent of one curve against another: mean quality at mean bpp.

    By PSNR, and by MS-SSIM in dB, -10 log10(1 - x). Where there is no answer, why.
    """
    by_psnr = [_values(c, "psnr") for c in (anchor, curve)]
    by_ms_ssim = [[_decibel(v) for v in _values(c, "ms_ssim")] for c in (anchor, curve)]
    rates = [_values(c, "bpp") for c in (anchor, curve)]
    answers: dict[str, dict[str, Any]] = {}
    for metric, (of_anchor, of_curve) in (("psnr", by_psnr), ("ms_ssim_db", by_ms_ssim)):
        try:
            answer = bd_rate(rates[0], of_anchor, rates[1], of_curve)
            answers[metric] = dataclasses.asdict(answer)
        except ValueError as error:
            answers[metric] = {"percent": None, "why": str(error)}
    return answers


def table(curve: Curve) -> str:
    """A curve for people to read, one line a quality."""
    heads = ("quality", "bpp", "estimated", "PSNR dB", "MS-SSIM", "encode s", "decode s")
    lines = ["  ".join(f"{head:>9}" for head in heads)]
    digits = (2, 4, 4, 2, 5, 2, 2)
    for entry in curve:
        cells = zip(("quality", *_MEANS), digits, strict=True)
        lines.append("  ".join(_cell(entry[name], places) for name, places in cells))
    return "\n".join(lines)


def _means(quality: float, group: list[Point]) -> dict[str, float | None]:
    entry: dict[str, float | None] = {"quality": quality, "images": len(group)}
    for name in _MEANS:
        values = [getattr(point, name) for point in group]
        entry[name] = None if None in values else float(np.mean(values))
    return entry


def _values(curve: Curve, name: str) -> list[float]:
    """One column of a curve; NaN where it is missing, which `bd_rate` refuses."""
    return [math.nan if (value := entry[name]) is None else value for entry in curve]


def _decibel(similarity: float) -> float:
    return math.inf if similarity >= 1 else -10 * math.log10(1 - similarity)


def _cell(value: float | None, places: int) -> str:
    return f"{'-':>9}" if value is None else f"{value:9.{places}f}"
