"""Measure a codec on a folder of pictures, through whole files, beside the codecs that everybody has.

    python -m eval.main --weights NAME --data kodak --out results

Prints a table and BD-rates, and writes report.json, points.csv, plots and a page, index.html, into a folder. Weights of
one rate each make one curve together: `--weights A B C`. Those of a model of your own want `--model-factory
package.module:name`, the function that makes it. With --estimate no file is written and nothing but the model
measured, in batches and on all devices: rates are what the model says then, and there are no seconds. With --roi MASKS,
a folder with a mask for each picture, of its name, the PSNR of what is of interest is told, and that of the rest; the
encoder is given the masks, but with --blind.

Ends with 1 if a picture was skipped or a decoder made any other picture than its encoder promised, and with 130 after
Ctrl-C; what was measured is kept.
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval import published
from eval.anchors import ANCHORS, installed
from eval.crops import crops
from eval.estimate import sweep_estimates
from eval.report import make_report, print_report, write_page, write_report
from eval.sweep import Setting, find_images, find_masks, sweep
from hcfss_jax.codec import Codec, load
from hcfss_jax.errors import HcfError, InvalidQuality
from hcfss_jax.models.contracts import factory_by_name
from hcfss_jax.pictures.picture_files import counted, printable
from hcfss_jax.runtime.jax_settings import prepare_jax
from hcfss_jax.weights import DEFAULT_WEIGHTS

INTERRUPTED = 130  # as shells say it


def main(argv: Sequence[str] | None = None) -> int:
    """Run the evaluation; the exit code."""
    args = _parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files need not be text
        sys.stdout.reconfigure(errors="backslashreplace")
    prepare_jax()
    try:
        return _run(args)
    except (HcfError, OSError) as error:
        print(printable(f"eval.main: {error}"), file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # beside the pictures, which have their own way
        return INTERRUPTED


def _run(args: argparse.Namespace) -> int:
    # What cannot work is found out before the hours that it would cost.
    if args.roi and args.estimate:
        raise HcfError("masks go through files: leave out --estimate or --roi")
    if args.blind and not args.roi:
        raise HcfError("--blind goes with --roi: there are no masks to hide")
    if args.out:
        _check_writable(args.out)
    factory = factory_by_name(args.model_factory) if args.model_factory else None
    codecs = [load(name, model=factory) for name in args.weights]
    settings = _settings(codecs, args.qualities)
    if args.roi and not args.blind:
        for codec in codecs:
            if "mask" not in getattr(codec.model, "takes", ()):
                raise HcfError(
                    f"{codec.name} takes no mask: with --blind masks say what to measure, and nothing to the encoder"
                )
    pictures = find_images(args.data, args.recursive).first(args.limit)
    if pictures.passed_over:
        print(counted(pictures.passed_over))
    masks = find_masks(args.roi, pictures, not args.blind) if args.roi else None
    if args.estimate:
        done, anchors = sweep_estimates(pictures, settings, args.batch), []
    else:
        done, anchors = sweep(pictures, settings, args.anchors, masks), args.anchors
    if not done.pictures:
        why = "; ".join(f"{name}: {reason}" for name, reason in done.skipped.items())
        raise HcfError(f"no picture was measured ({why or 'interrupted'})")
    set_name = published.recognise(done.digest) if args.published == "auto" else args.published
    data = published.load(set_name)["set"] if set_name else printable(args.data.resolve().name)
    report = make_report(codecs, done, data, anchors, set_name)
    print_report(report)
    if args.out:
        shown = {name: file for name, file in pictures.files.items() if name in done.pictures}
        try:
            write_report(args.out, report, done.points)
            if not (args.estimate or done.interrupted or masks):  # crops are coded without masks
                write_page(args.out, report, crops(shown, done.points, settings))
        except OSError as error:
            raise HcfError(
                f"the report could not be written whole into {args.out} ({error.strerror or error}): "
                "its figures are those above"
            ) from error
        print(f"report: {args.out / 'index.html'}")
    return _exit_code(report)


def _settings(codecs: Sequence[Codec], qualities: Sequence[float] | None) -> list[Setting]:
    """Every point of the curve: weights and a quality. Raises HcfError for weights that make no one curve."""
    if len({codec.name for codec in codecs}) > 1 or len(
        {codec.fingerprint for codec in codecs}
    ) < len(codecs):
        told = ", ".join(f"{codec.name} {codec.fingerprint.hex()}" for codec in codecs)
        raise HcfError(f"{told}: weights of one curve are different ones of one model")
    if len(codecs) > 1 and any(codec.levels > 1 for codec in codecs):
        raise HcfError(
            "several weights make one curve where each has one rate, and among these some have "
            "several: measure them one by one and use eval.compare"
        )
    settings = []
    for codec in codecs:
        for quality in qualities or range(1, codec.levels + 1):
            codec.check_quality(quality)
            settings.append((codec, float(quality)))
    if len(set(settings)) < len(settings):
        raise InvalidQuality("a quality is asked for twice")
    return settings


def _exit_code(report: dict[str, Any]) -> int:
    if report["data"]["interrupted"]:
        return INTERRUPTED
    exact = report["exact"]
    return int(bool(report["data"]["skipped"]) or exact["equal"] < exact["checked"])


def _check_writable(folder: Path) -> None:
    """Makes the folder. Raises OSError where no file can be written into it."""
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--weights", nargs="+", default=[DEFAULT_WEIGHTS], help="a model's name, or files"
    )
    parser.add_argument(
        "--model-factory", metavar="MODULE:NAME", help="what makes a model that is not ours"
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder of pictures")
    parser.add_argument(
        "--recursive",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="look into its folders, too; default: yes",
    )
    parser.add_argument("--roi", type=Path, metavar="MASKS", help="a folder of masks")
    parser.add_argument(
        "--blind", action="store_true", help="masks only say what to measure; no encoder sees them"
    )
    parser.add_argument("--out", type=Path, help="the folder for the report")
    parser.add_argument(
        "--qualities", type=float, nargs="+", help="default: every level of the model"
    )
    parser.add_argument(
        "--anchors",
        nargs="*",
        choices=list(ANCHORS),
        default=installed(),
        help="measured beside it",
    )
    parser.add_argument(
        "--published",
        type=_set_name,
        default="auto",
        metavar="SET",
        help=f"published curves of a set of pictures, {', '.join(published.NAMES)} or none; "
        "default: where the pictures are known to be such a set",
    )
    parser.add_argument("--estimate", action="store_true", help="fast, without files and rivals")
    parser.add_argument(
        "--batch", type=_count, default=8, help="pictures a device takes at a time, with --estimate"
    )
    parser.add_argument("--limit", type=_count, help="only the first so many pictures")
    return parser


def _count(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _set_name(text: str) -> str | None:
    if text not in (*published.NAMES, "auto", "none"):
        raise argparse.ArgumentTypeError(f"{text}: there is {', '.join(published.NAMES)} or none")
    return None if text == "none" else text


if __name__ == "__main__":
    sys.exit(main())
