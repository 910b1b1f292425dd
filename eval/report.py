"""What a sweep has shown: as plain values, as text, and as the files of a folder."""

import csv
import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval import published
from eval.anchors import ANCHORS
from eval.crops import Crop
from eval.machine import machine, peak_memory
from eval.measure import Point
from eval.page import alarms, page
from eval.plot import lines, picture
from eval.summary import MEANINGS, METRICS, bd_rates, curves, table, told
from eval.sweep import Sweep
from hcfss_jax.codec import Codec
from hcfss_jax.errors import HcfError
from hcfss_jax.runtime.whole_file import write_whole

FORMAT = 1


def make_report(
    codecs: Sequence[Codec], done: Sweep, data: str, anchors: Sequence[str], set_name: str | None
) -> dict[str, Any]:
    """Means, BD-rates and how they were obtained, as plain values for JSON; single points are for the CSV.

    codecs: the weights whose points make one curve. data: what to call the pictures. set_name: of
    `eval.published.NAMES`, the curves to compare with.
    """
    by_codec = curves(done.points)
    ours = by_codec[codecs[0].name]
    promises = [point.exact for point in done.points if point.exact is not None]
    others = published.curves(set_name) if set_name else {}
    return {
        "format": FORMAT,
        "codec": {
            "name": codecs[0].name,
            "weights": [codec.fingerprint.hex() for codec in codecs],
            "parameters": codecs[0].parameter_count,
            **done.how,
        },
        "data": {
            "name": data,
            "images": len(done.pictures),
            "digest": done.digest,
            "skipped": done.skipped,
            "notes": done.notes,
            "interrupted": done.interrupted,
        },
        "files": all(point.bytes is not None for point in done.points),
        "machine": machine(),
        "peak_memory": peak_memory(),
        "exact": {"checked": len(promises), "equal": sum(promises)},
        "anchors": {
            name: {"label": ANCHORS[name].label, "settings": ANCHORS[name].settings}
            for name in anchors
        },
        "published": published.about(set_name, done.digest) if set_name else None,
        "bd_rate": {
            "measured": {name: bd_rates(ours, by_codec[name]) for name in anchors},
            "published": {name: bd_rates(ours, curve) for name, curve in others.items()},
        },
        "meanings": MEANINGS,
        "curves": by_codec,
    }


def print_report(report: Mapping[str, Any]) -> None:
    """The report in short."""
    codec, exact = report["codec"], report["exact"]
    print(
        f"{codec['name']} {' '.join(codec['weights'])}, {report['data']['images']} pictures, means:"
    )
    for row in table(report["curves"][codec["name"]]):
        print("  ".join(f"{cell:>11}" for cell in row))
    if report["files"]:
        print(
            f"decoded as the encoder promised, to the bit: {exact['equal']} of {exact['checked']}"
        )
    if any(report["bd_rate"].values()):
        print("BD-rate against others, and the interval that both curves reach:")
    for origin, rivals in report["bd_rate"].items():
        for name, answers in rivals.items():
            cells = (
                f"{METRICS[metric]} {percent:>9} ({why})"
                for metric, (percent, why) in ((m, told(a)) for m, a in answers.items())
            )
            print(f"{name + ', ' + origin:<40}  {'   '.join(cells)}")
    for alarm in alarms(report):
        print(alarm)


def write_report(folder: Path, report: dict[str, Any], points: Sequence[Point]) -> None:
    """report.json, points.csv, psnr and ms_ssim as .png and .svg, and index.html without crops."""
    write_whole(
        folder / "report.json", (json.dumps(report, indent=1, allow_nan=False) + "\n").encode()
    )
    write_whole(folder / "points.csv", _bytes(_csv(points)))
    write_plots(folder, lines(report), f"{report['codec']['name']} on {report['data']['name']}")
    write_page(folder, report, {})


def write_page(
    folder: Path, report: Mapping[str, Any], crops: Mapping[str, Sequence[Crop]]
) -> None:
    """index.html."""
    write_whole(folder / "index.html", _bytes(page(report, crops)))


def write_plots(folder: Path, drawn: Sequence[Any], title: str) -> None:
    """psnr and ms_ssim as .png and .svg."""
    for metric, name in (("psnr", "psnr"), ("ms_ssim_db", "ms_ssim")):
        for kind in ("png", "svg"):
            write_whole(folder / f"{name}.{kind}", picture(drawn, metric, title, kind))


def read_report(path: Path) -> dict[str, Any]:
    """A report.json, or that of a folder. Raises HcfError for what is none."""
    path = path / "report.json" if path.is_dir() else path
    try:
        report = json.loads(path.read_bytes())
        if report["format"] != FORMAT:
            raise HcfError(f"{path} has format {report['format']}, this program reads {FORMAT}")
    except (ValueError, KeyError, TypeError) as error:
        raise HcfError(f"{path} is no report of eval.main") from error
    return report


def _bytes(text: str) -> bytes:
    """UTF-8; what is no text, in an error that holds a file's name, is escaped."""
    return text.encode(errors="backslashreplace")


def _csv(points: Sequence[Point]) -> str:
    """One line a point; empty where there is no value."""
    text = io.StringIO()
    names = [field.name for field in dataclasses.fields(Point)]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for point in points:
        values = dataclasses.asdict(point)
        writer.writerow({k: f"{v:.7g}" if isinstance(v, float) else v for k, v in values.items()})
    return text.getvalue()
