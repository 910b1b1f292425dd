"""Measure a codec on a folder of pictures, through whole files, beside the codecs that everybody has.

    python -m eval.main --weights NAME --data kodak --out results

Prints a table and BD-rates, and writes report.json, points.csv, plots and a page, index.html, into a folder. Weights of
one rate each make one curve together: `--weights A B C`. Those of a model of your own want `--model-factory
package.module:name`, the function that makes it. With --estimate no file is written and nothing but the model
measured, in batches and on all devices: rates are what the model says then, and there are no seconds. With --roi MASKS,
a folder with a mask for each picture, of its name, the PSNR of what is of interest is told, and that of the rest; the
encoder is given the masks, but with --blind. With --effort N the encoder looks longer, for MS-SSIM with --tune ms-ssim
(docs/effort.md); its seconds tell how long. On many hosts the same command runs on each, with --coordinator as
train.main has it where they do not find each other by themselves: the pictures are dealt out, and the first host tells
of all.

Ends with 1 if a picture was skipped or a decoder made any other picture than its encoder promised, and with 130 after
Ctrl-C; what was measured is kept.
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from eval import published
from eval.anchors import ANCHORS, installed
from eval.crops import crops
from eval.dealt import dealt, facts_of
from eval.estimate import sweep_estimates
from eval.report import make_report, print_report, write_page, write_report
from eval.sweep import Masks, Pictures, Setting, Sweep, find_images, find_masks, sweep
from hcfss_jax.codec import Codec, load
from hcfss_jax.errors import HcfError, InvalidQuality
from hcfss_jax.models.contracts import factory_by_name
from hcfss_jax.pictures.picture_files import counted, printable
from hcfss_jax.runtime.agreement import agreement, together
from hcfss_jax.runtime.hosts import is_first, join
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
        join(args.coordinator, args.processes, args.process_id)
        return _run(args)
    except (HcfError, OSError) as error:
        print(printable(f"eval.main: {error}"), file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # beside the pictures, which have their own way
        return INTERRUPTED


def _run(args: argparse.Namespace) -> int:
    with agreement() as facts:
        work = _prepare(args)
        if jax.process_count() > 1:  # alone, nothing is hashed for nobody
            facts |= facts_of(work.settings, work.pictures, _options(args))
    if is_first() and work.pictures.passed_over:
        print(counted(work.pictures.passed_over))
    done = dealt(work.pictures, work.measure)
    with together() as talk:
        talk.own = _tell(args, work, done) if is_first() else None
    return talk.of_all[0]  # all end alike, and none before the report is written


class _Work(NamedTuple):
    """What the options ask for. measure: sweeps over some of the pictures."""

    codecs: list[Codec]
    settings: list[Setting]
    pictures: Pictures
    masks: Masks | None
    how: dict[str, Any]
    measure: Callable[[Pictures], Sweep]


def _prepare(args: argparse.Namespace) -> _Work:
    """What cannot work is found out here, before the hours that it would cost. Raises HcfError."""
    if args.roi and args.estimate:
        raise HcfError("masks go through files: leave out --estimate or --roi")
    if args.effort and args.estimate:
        raise HcfError("effort goes through files: leave out --estimate or --effort")
    if args.tune and not args.effort:
        raise HcfError("--tune goes with --effort 1 to 9: without it there is nothing to tune")
    if args.blind and not args.roi:
        raise HcfError("--blind goes with --roi: there are no masks to hide")
    if args.out and is_first():
        _check_writable(args.out)
    factory = factory_by_name(args.model_factory) if args.model_factory else None
    codecs = [load(name, model=factory) for name in args.weights]
    settings = _settings(codecs, args.qualities)
    if args.roi and not args.blind:
        _check_take_masks(codecs)
    how = {"effort": args.effort, "tune": args.tune} if args.effort else {}
    for codec in codecs if how else ():
        codec.check_effort(args.effort, args.tune)
    pictures = find_images(args.data, args.recursive).first(args.limit)
    masks = find_masks(args.roi, pictures, not args.blind) if args.roi else None

    def measure(some: Pictures) -> Sweep:
        if args.estimate:
            return sweep_estimates(some, settings, args.batch)
        return sweep(some, settings, args.anchors, masks, how)

    return _Work(codecs, settings, pictures, masks, how, measure)


def _tell(args: argparse.Namespace, work: _Work, done: Sweep) -> int:
    """Print and write the one report; the exit code."""
    if not done.pictures:
        why = "; ".join(f"{name}: {reason}" for name, reason in done.skipped.items())
        raise HcfError(f"no picture was measured ({why or 'interrupted'})")
    set_name = published.recognise(done.digest) if args.published == "auto" else args.published
    data = published.load(set_name)["set"] if set_name else printable(args.data.resolve().name)
    anchors = [] if args.estimate else args.anchors
    report = make_report(work.codecs, done, data, anchors, set_name)
    print_report(report)
    if args.out:
        files = {n: file for n, file in work.pictures.files.items() if n in done.pictures}
        try:
            write_report(args.out, report, done.points)
            if not (args.estimate or done.interrupted or work.masks):  # crops have no masks
                write_page(args.out, report, crops(files, done.points, work.settings, work.how))
        except OSError as error:
            raise HcfError(
                f"the report could not be written whole into {args.out} ({error.strerror or error}): "
                "its figures are those above"
            ) from error
        print(f"report: {args.out / 'index.html'}")
    return _exit_code(report)


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """Those that hosts have to share; where the pictures and the weights lie is each one's own."""
    own = ("coordinator", "processes", "process_id", "data", "roi", "out", "weights", "qualities")
    return {name: value for name, value in vars(args).items() if name not in own}


def _check_take_masks(codecs: Sequence[Codec]) -> None:
    for codec in codecs:
        if "mask" not in getattr(codec.model, "takes", ()):
            raise HcfError(
                f"{codec.name} takes no mask: with --blind masks say what to measure, and nothing to the encoder"
            )


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
    parser.add_argument(
        "--effort",
        type=int,
        choices=range(10),
        default=0,
        metavar="N",
        help="of the encoder, 0 to 9",
    )
    parser.add_argument("--tune", choices=["psnr", "ms-ssim"], help="what effort is for")
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
    parser.add_argument(
        "--coordinator",
        default="",
        metavar="HOST:PORT",
        help="of process 0, where hosts do not find each other by themselves (TPU, SLURM)",
    )
    parser.add_argument(
        "--processes", type=_count, default=0, help="with --coordinator: how many there are"
    )
    parser.add_argument(
        "--process_id", type=int, default=-1, help="with --coordinator: which one this is, from 0"
    )
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
