"""Whether a student that learns from a teacher does better than the same student alone, after as many steps.

    python -m eval.distilled --family NAME --train PHOTOS --data KODAK

Trains the family's small teacher, its student alone, and the same student from the same start in the phases of its
config, which share the steps; exports all, measures teacher and both students through whole files, and prints their
curves and BD-rates (`eval.compare`): the last line but one for PSNR is of the distilled student against the one alone,
and below 0 where it needs fewer bits. All lies in FOLDER, `runs/distilled`. What is there is not done again: the same
command goes on after Ctrl-C.

Ends with 1 where a program failed, with 130 after Ctrl-C.
"""

import argparse
import importlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from eval import compare
from eval.trials import Length, Trial, add_trial_options, ended, length_of, measuring_of
from hcfss_jax.errors import HcfError
from hcfss_jax.models.registry import FAMILIES


def main(argv: Sequence[str] | None = None) -> int:
    """Train, measure, compare; the exit code."""
    args = _parser().parse_args(argv)
    return ended("eval.distilled", lambda: _compare(args))


def _compare(args: argparse.Namespace) -> int:
    reports = [str(trial.folder) for trial in _run(args)]
    return compare.main([*reports, "--out", str(args.folder / "comparison")])


def _run(args: argparse.Namespace) -> list[Trial]:
    """The trials that are compared, in order. Raises HcfError where one failed."""
    measuring, length, phases = measuring_of(args), length_of(args), list(_phases(args))

    def trial(name: str, variant: str, length: Length, **more: Path | None) -> Trial:
        # Weights in full: a phase begins with what the one before it left.
        place = args.folder / name
        made = Trial(args.family, variant, place, length, measuring, dtype="float32", **more)
        print(f"{name}, {variant}: {length}", flush=True)
        _done(name, made.train())
        return made

    teacher = trial("teacher", args.teacher, length)
    alone = trial("alone", args.variant, length)
    distilled = None
    for phase, steps, learns in phases:
        distilled = trial(
            phase,
            f"{args.variant},phase={phase}",
            length._replace(steps=steps),
            teacher=teacher.package if learns else None,
            start=distilled.package if distilled else None,
        )
    assert distilled is not None  # there is at least one phase
    for made in (compared := [teacher, alone, distilled]):
        _done(made.folder.name, made.measure())
    return compared


def _phases(args: argparse.Namespace) -> Iterator[tuple[str, int, bool]]:
    """Of each: its name, its share of the steps as the family's config has it, and whether it has a teacher."""
    configs = importlib.import_module(f"configs.{args.family}")
    phases = args.phases or getattr(configs, "PHASES", ())
    if not phases:
        raise HcfError(
            f"configs/{args.family}.py has no phases with a teacher: name some, --phases"
        )
    try:
        whole = configs.get_config(args.variant).steps
        for phase in phases:
            its = configs.get_config(f"{args.variant},phase={phase}")
            steps = max(1, args.steps * its.steps // whole)
            yield phase, steps, its.objective != "rate-distortion"
    except ValueError as error:
        raise HcfError(str(error)) from error


def _done(name: str, why: str) -> None:
    if why:
        raise HcfError(f"{name}: {why}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    folder = Path("runs/distilled")
    parser.add_argument("folder", type=Path, nargs="?", default=folder, help=f"default: {folder}")
    add_trial_options(parser)
    parser.add_argument("--family", choices=list(FAMILIES), required=True, metavar="NAME")
    parser.add_argument("--teacher", default="tiny-teacher", help="default: tiny-teacher")
    parser.add_argument("--variant", default="tiny", help="the student; default: tiny")
    parser.add_argument("--phases", nargs="+", help="default: those of its config, in their order")
    return parser


if __name__ == "__main__":
    sys.exit(main())
