"""A report as one page that needs nothing else: no script, no font, no request."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from eval.crops import SIDE, Crop
from eval.plot import Line, inline_svg, lines
from eval.summary import METRICS, table, told

_TEMPLATE = Path(__file__).with_name("page.html")
_HEADLINE = ("jpeg", "webp", "avif")  # after the first of the published curves


def page(report: Mapping[str, Any], crops: Mapping[str, Sequence[Crop]]) -> str:
    """The HTML of a report. Whatever comes from files, names above all, is escaped."""
    codec, data = report["codec"], report["data"]
    drawn = lines(dict(report))
    subtitle = (
        f"{data['images']} images, {'whole files' if report['files'] else 'estimates'}, decoded 8-bit pixels · "
        f"weights {', '.join(codec['weights'])} · {codec['parameters']:,} parameters"
    )
    return Template(_TEMPLATE.read_text()).substitute(
        title=escape(f"{codec['name']} on {data['name']}"),
        name=escape(codec["name"]),
        subtitle=escape(subtitle),
        alarms=_join(f'<p class="alarm">{escape(alarm)}</p>' for alarm in alarms(report)),
        tiles=_join(_tiles(report)),
        plots=_join(
            f'<figure class="plot">{inline_svg(drawn, metric)}</figure>' for metric in METRICS
        ),
        legend=_join(map(_legend_entry, drawn)),
        means=_table(*table(report["curves"][codec["name"]])),
        bd_rates=_bd_rates(report),
        crops=_crops(crops),
        details=_join(
            f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in _details(report)
        ),
    )


def alarms(report: Mapping[str, Any]) -> list[str]:
    """What a reader must know before any figure."""
    data, exact = report["data"], report["exact"]
    told = [f"{name} was skipped: {why}" for name, why in data["skipped"].items()]
    if not report["files"]:
        told.append("No files were written: every rate is what the model says its symbols cost.")
    if data["interrupted"]:
        told.append("The run was interrupted: these are the pictures measured until then.")
    if exact["equal"] < exact["checked"]:
        wrong = exact["checked"] - exact["equal"]
        told.append(
            f"{wrong} of {exact['checked']} decoded pictures are not what their encoder promised."
        )
    if (others := report["published"]) and not others["same_pictures"]:
        told.append(
            f"The published curves are means over the {others['images']} images of {others['set']}; "
            "that these are the same pictures was not verified."
        )
    return told


def _tiles(report: Mapping[str, Any]) -> Iterable[str]:
    answers = report["bd_rate"]
    first = list(answers["published"])[:1]
    chosen = [(name, answers["published"][name]) for name in first]
    chosen += [
        (f"{report['anchors'][name]['label']} here", answers["measured"][name])
        for name in _HEADLINE
        if name in answers["measured"]
    ]
    for name, answer in chosen:
        if (percent := answer["psnr"]["percent"]) is not None:
            yield f'<div class="tile"><span class="faint">against {escape(name)}</span>' + (
                f'<b>{percent:+.1f} %</b><span class="faint">BD-rate, PSNR</span></div>'
            )


def _bd_rates(report: Mapping[str, Any]) -> str:
    heads = ["against"]
    for metric in METRICS.values():
        heads += [f"by {metric}", "over"]
    rows = []
    for name, answers in report["bd_rate"]["measured"].items():
        rows.append([f"{report['anchors'][name]['label']} here", *_answers(answers)])
    for name, answers in report["bd_rate"]["published"].items():
        rows.append([f"{name}, published", *_answers(answers)])
    return _table(heads, *rows)


def _answers(answers: Mapping[str, Any]) -> Iterable[str]:
    for answer in answers.values():
        percent, span = told(answer)
        yield from (percent, span if answer["percent"] is not None else "")


def _legend_entry(line: Line) -> str:
    dashes = " ".join(str(2 * length) for length in line.dash)
    stroke = f'stroke="{line.colour}" stroke-width="{2 * line.width}" stroke-dasharray="{dashes}"'
    chip = f'<svg viewBox="0 0 56 20" aria-hidden="true"><path d="M0 10H56" {stroke}/></svg>'
    return f"<li>{chip}{escape(line.name)}</li>"


def _crops(crops: Mapping[str, Sequence[Crop]]) -> str:
    if not crops:
        return ""
    parts = [
        "<h2>Side by side at equal rate</h2>"
        f'<p class="faint">The part of each picture with the most contrast, {SIDE} pixels a side; '
        "rate and PSNR are of the whole picture.</p>"
    ]
    for image, row in crops.items():
        figures = _join(map(_figure, row))
        parts.append(f'<p>{escape(image)}</p><div class="crops">{figures}</div>')
    return _join(parts)


def _figure(crop: Crop) -> str:
    data = base64.b64encode(crop.webp).decode()
    caption = escape(crop.label)
    if crop.bpp is not None:
        caption += f"<br>{crop.bpp:.3f} bpp · {crop.psnr:.2f} dB"
    image = f'<img src="data:image/webp;base64,{data}" alt="{escape(crop.label)}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _details(report: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    machine, exact = report["machine"], report["exact"]
    yield from report["meanings"].items()
    if report["files"]:
        yield "decoded as promised, to the bit", f"{exact['equal']} of {exact['checked']} pictures"
    yield (
        "machine",
        f"{machine['devices']} × {machine['device']}, {machine['cores']} cores, {machine['system']}, "
        f"Python {machine['python']}",
    )
    versions = machine["packages"] | machine["libraries"]
    yield "versions", ", ".join(f"{name} {version}" for name, version in versions.items())
    for name, peak in report["peak_memory"].items():
        yield (
            f"peak memory of the {name}",
            f"{peak / 2**30:.2f} GiB, compilation, metrics and all codecs included",
        )
    yield from (
        (f"{about['label']} here", about["settings"]) for about in report["anchors"].values()
    )
    if report["published"]:
        yield from (
            (f"{name}, published", source)
            for name, source in report["published"]["sources"].items()
        )
    yield from report["data"]["notes"].items()


def _table(heads: Sequence[str], *rows: Sequence[str]) -> str:
    head = _join(f"<th>{escape(cell)}</th>" for cell in heads)
    body = _join(f"<tr>{_join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _join(parts: Iterable[str]) -> str:
    return "\n".join(parts)
