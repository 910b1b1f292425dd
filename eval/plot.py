"""Rate-distortion plots, as PNG, as SVG, and as an SVG that takes the colour of the page around it."""

import dataclasses
import io
from collections.abc import Sequence
from typing import Any

from eval import published
from eval.summary import METRICS, Curve, columns
from hcfss_jax.runtime.extras import need

need("eval", "matplotlib")

import matplotlib  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

_OURS = ("#e4572e", "#2f6fd6", "#2e9d62", "#a04bc4", "#c48a12", "#1798a5")
_MEASURED = {
    "jpeg": "#858585",
    "webp": "#3a9d6e",
    "avif": "#2f7fd6",
    "jpeg2000": "#b58a1b",
    "jpegxl": "#8a63d2",
    "avif-default": "#86b8ee",
}
_UNKNOWN = "#5d6b3f"  # of an anchor that only the library that wrote the report knows
_PUBLISHED = ("#4b7f95", "#a0703c", "#c2569b", "#35a29f", "#7d8a3c")
_DASHES = ((6, 2), (2, 2), (8, 2, 2, 2), (4, 1), (1, 1.5))
_INK = "#0a0b0c"  # stands for the page's own colour; used for nothing else


@dataclasses.dataclass(frozen=True)
class Line:
    """A curve as it is drawn. dash: lengths of strokes and gaps, () for a whole line."""

    name: str
    curve: Curve
    colour: str
    width: float = 1.2
    dash: tuple[float, ...] = ()


def lines(report: dict[str, Any]) -> list[Line]:
    """What a report's plot shows: its codec, the anchors measured with it, and published curves."""
    return [*our_lines([(report["codec"]["name"], report)]), *other_lines(report)]


def our_lines(reports: Sequence[tuple[str, dict[str, Any]]]) -> list[Line]:
    """The codecs that reports are about, each under the name given."""
    return [
        Line(name, report["curves"][report["codec"]["name"]], _OURS[i % len(_OURS)], 2.4)
        for i, (name, report) in enumerate(reports)
    ]


def other_lines(report: dict[str, Any]) -> list[Line]:
    """The anchors measured in a run, and some of the published curves of its pictures."""
    measured = [
        Line(about["label"], report["curves"][name], _MEASURED.get(name, _UNKNOWN))
        for name, about in report["anchors"].items()
    ]
    if not report["published"]:
        return measured
    curves = published.curves(report["published"]["name"])
    shown = published.load(report["published"]["name"])["plotted"]
    return measured + [
        Line(name, curves[name], colour, dash=dash)
        for name, colour, dash in zip(shown, _PUBLISHED, _DASHES, strict=False)
    ]


def picture(lines: Sequence[Line], metric: str, title: str, kind: str) -> bytes:
    """The plot of one of METRICS with title and legend, as "png" or "svg"."""
    figure, axes = _draw(lines, metric, (7.2, 4.6), "black")
    axes.set_title(title, fontsize=10)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8)
    return _render(figure, kind, metric, dpi=160, facecolor="white")


def inline_svg(lines: Sequence[Line], metric: str) -> str:
    """The plot alone as an SVG element without a size of its own, inked in the colour of its page."""
    figure, _ = _draw(lines, metric, (4.4, 3.5), _INK)
    svg = _render(figure, "svg", f"inline {metric}", transparent=True).decode()
    head, rest = svg[svg.index("<svg") :].split(">", 1)
    box = head[head.index("viewBox") :].split('"')[1]
    opening = f'<svg viewBox="{box}" role="img" aria-label="{METRICS[metric]} over bits a pixel">'
    return opening + rest.replace(_INK, "currentColor")


def _draw(
    lines: Sequence[Line], metric: str, inches: tuple[float, float], ink: str
) -> tuple[Figure, Axes]:
    with matplotlib.rc_context({"text.parse_math": False, "font.size": 9}):
        figure = Figure(inches, layout="constrained")
        axes = figure.subplots()
        for line in lines:
            axes.plot(
                *columns(line.curve, metric),
                color=line.colour,
                linewidth=line.width,
                linestyle=(0, line.dash) if line.dash else "solid",
                marker="o" if line.width > 2 else "",
                markersize=3.5,
                label=line.name,
                zorder=2 + line.width,
            )
        _look_at_ours(axes, lines, metric)
        _ink(axes, ink)
        axes.set_xlabel("bits a pixel")
        axes.set_ylabel(f"{METRICS[metric]}, dB")
    return figure, axes


def _look_at_ours(axes: Axes, lines: Sequence[Line], metric: str) -> None:
    """Show the rates of the thick curves; anchors go on far beyond them."""
    ours = [columns(line.curve, metric) for line in lines if line.width > 2]
    rates = [rate for rates, _ in ours for rate in rates]
    if not rates:
        return
    right = 1.25 * max(rates)
    axes.set_xlim(0, right)
    shown = [
        value
        for line in lines
        for rate, value in zip(*columns(line.curve, metric), strict=True)
        if min(rates) * 0.7 <= rate <= right
    ]
    axes.set_ylim(min(shown) - 0.5, max(shown) + 0.5)


def _ink(axes: Axes, ink: str) -> None:
    axes.grid(color=ink, alpha=0.15, linewidth=0.6)
    axes.tick_params(colors=ink)
    for text in (axes.xaxis.label, axes.yaxis.label):
        text.set_color(ink)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(ink)


def _render(figure: Figure, kind: str, salt: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    # The same bytes for the same figures: no date, no random names.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        metadata = {"Date": None} if kind == "svg" else {}
        figure.savefig(buffer, format=kind, metadata=metadata, **options)
    return buffer.getvalue()
