"""Several runs of `eval.main` beside each other.

    python -m eval.compare runs/a/report.json runs/b/report.json --out comparison

Prints the curve of each, and the BD-rate of each later one against each earlier one. With --out, writes the curves in
one plot by PSNR and one by MS-SSIM, as PNG and SVG, among the anchors of the first run.
"""

import argparse
import itertools
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.plot import other_lines, our_lines
from eval.report import read_report, write_plots
from eval.summary import METRICS, Curve, bd_rates, table, told
from hcfss_jax.errors import HcfError

INTERRUPTED = 130  # as shells say it

Run = tuple[str, dict[str, Any]]


def main(argv: Sequence[str] | None = None) -> int:
    """Compare; the exit code, 130 after Ctrl-C."""
    args = _parser().parse_args(argv)
    try:
        runs = _named(args.reports)
        _check_same_pictures(runs)
        _print(runs)
        if args.out:
            drawn = [*our_lines(runs), *other_lines(runs[0][1])]
            write_plots(args.out, drawn, f"on {runs[0][1]['data']['name']}")
            print(f"plots: {args.out}")
    except (HcfError, OSError) as error:
        print(f"eval.compare: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _named(paths: Sequence[Path]) -> list[Run]:
    """Each report under its codec's name, and its file's too where codecs share theirs."""
    reports = [read_report(path) for path in paths]
    names = [report["codec"]["name"] for report in reports]
    shared = Counter(names)
    return [
        (name if shared[name] == 1 else f"{name} ({path})", report)
        for name, path, report in zip(names, paths, reports, strict=True)
    ]


def _check_same_pictures(runs: Sequence[Run]) -> None:
    if len({report["data"]["digest"] for _, report in runs}) > 1:
        told = "; ".join(
            f"{name}: {report['data']['images']} of {report['data']['name']}, {report['data']['digest']}"
            for name, report in runs
        )
        raise HcfError(f"the runs are not over the same pictures ({told})")


def _print(runs: Sequence[Run]) -> None:
    for name, report in runs:
        print(f"{name}, weights {' '.join(report['codec']['weights'])}:")
        for row in table(_curve(report)):
            print("  ".join(f"{cell:>11}" for cell in row))
    for (anchor, of_anchor), (test, of_test) in itertools.combinations(runs, 2):
        for metric, answer in bd_rates(_curve(of_test), _curve(of_anchor)).items():
            percent, why = told(answer)
            print(f"BD-rate of {test} against {anchor}, {METRICS[metric]}: {percent} ({why})")


def _curve(report: dict[str, Any]) -> Curve:
    return report["curves"][report["codec"]["name"]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("reports", type=Path, nargs="+", help="report.json, or its folder")
    parser.add_argument("--out", type=Path, help="the folder for the plots")
    return parser


if __name__ == "__main__":
    sys.exit(main())
