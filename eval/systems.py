"""All systems in one table: each family's smallest size after equally long training, and the size of its paper.

    python -m eval.systems                                          # of the reports in docs/results
    python -m eval.systems --train PHOTOS --data KODAK              # trains, exports and measures them all first

With --train, each family of the registry gets a folder in FOLDER, `runs/systems`, with its run, its weights and its
report. What is there is not done again: the same command goes on after Ctrl-C. A family that fails is named, and the
others go on. Without, the reports in the folders of FOLDER are taken as they are, with the weights beside them.

The table is written as README.md, table.json and table.csv. Parameters and multiply-adds are those of the models,
which are traced for it and not run: some minutes. Ends with 1 where a family failed, with 130 after Ctrl-C.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from eval.system_page import write_table
from eval.system_table import make_table, read_trials
from eval.trials import Length, Trial, add_trial_options, ended, length_of, measuring_of
from hcfss_jax.errors import HcfError
from hcfss_jax.models.registry import FAMILIES
from hcfss_jax.runtime.jax_settings import prepare_jax


def main(argv: Sequence[str] | None = None) -> int:
    """Make the table; the exit code."""
    args = _parser().parse_args(argv)
    prepare_jax()
    return ended("eval.systems", lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    length = length_of(args)
    if args.train is None:
        folder, failed = args.folder or Path("docs/results"), dict[str, str]()
    else:
        folder = args.folder or Path("runs/systems")
        failed = _train(args, folder, length)
    if not folder.is_dir():
        why = "; ".join(f"{family}: {reason}" for family, reason in failed.items())
        raise HcfError(why or f"{folder} is no folder: give one with reports, or --train PHOTOS")
    size = args.variant.partition(",")[0]
    trials, passed_over = read_trials(folder, size)
    for line in passed_over:
        print(line)
    if not trials and not failed:
        raise HcfError(f"{folder} holds no report of a {size} model: --train PHOTOS makes some")
    table = make_table(trials, length, args.families, failed, size, args.paper)
    out = args.out or folder / "systems"
    write_table(out, table)
    for family, why in failed.items():
        print(f"{family}: {why}", file=sys.stderr)
    print(f"table: {out / 'README.md'}")
    return int(bool(failed))


def _train(args: argparse.Namespace, folder: Path, length: Length) -> dict[str, str]:
    """Every family's trial; of those that failed, why."""
    measuring = measuring_of(args)
    failed = {}
    for number, family in enumerate(args.families, start=1):
        place = folder / f"{family}-{args.variant.partition(',')[0]}"
        trial = Trial(family, args.variant, place, length, measuring)
        print(f"{trial.name}, {number} of {len(args.families)}: {length}", flush=True)
        if why := trial.run():
            failed[family] = why
            print(f"{trial.name} failed, the others go on: {why}", flush=True)
    return failed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        help="its folders hold the reports; default: docs/results, with --train runs/systems",
    )
    parser.add_argument(
        "--out", type=Path, help="the folder for the table; default: FOLDER/systems"
    )
    add_trial_options(parser)
    parser.add_argument(
        "--families", nargs="+", choices=list(FAMILIES), default=list(FAMILIES), metavar="NAME"
    )
    parser.add_argument(
        "--variant", default="tiny", help="of each family's experiments; default: tiny"
    )
    parser.add_argument(
        "--paper",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="the sizes of the papers, too",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
