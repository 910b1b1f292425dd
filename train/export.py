"""Make a weight package of a run: `python -m train.export runs/tiny tiny.safetensors`.

A run whose model is not one of ours wants `--model-factory package.module:name`, the one that trained it: what a file
names is never imported.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import jax
from ml_collections import ConfigDict

from hcfss_jax.runtime.places import check_bucket, path_of, size_of
from hcfss_jax.weights import WeightPackage, make_package, save_package
from train.checkpoints import Checkpoints
from train.errors import TrainingError, WrongCheckpoint
from train.experiment import create, factory_of, packing_of, parameters
from train.interrupt import exit_code_of_ctrl_c
from train.mesh import make_mesh, place
from train.workdir import read_workdir


def export(
    workdir: Path, dtype: str = "float16", best: bool = False, factory: str = ""
) -> WeightPackage:
    """The package of the averaged parameters in the newest checkpoint of `workdir`.

    dtype: of the stored parameters. best: those of the best validation instead. factory: "package.module:name" of what
    makes the model, where it is not one of ours. Raises WrongCheckpoint where there is no such run, BadConfig where the
    model cannot be made.
    """
    record = read_workdir(workdir)
    config = ConfigDict(record["config"])
    if (made_by := record["config"]["model"].get("factory", "")) and not factory:
        raise WrongCheckpoint(
            f"the model of {workdir} was made by {made_by!r}: --model-factory={made_by} imports it"
        )
    model = create(record["model"]["name"], record["model"]["config"], factory_of(factory))
    packing = packing_of(model, config, record["model"].get("adapters", {}))
    if record["model"]["packing"] != packing.digest:
        raise WrongCheckpoint(
            f"{workdir} was trained by code whose parameters have other names or shapes: "
            "export it with that code"
        )
    mesh = make_mesh(devices=jax.devices()[:1])  # whatever it was trained on
    with Checkpoints(workdir / ("best" if best else "checkpoints"), saves=False) as checkpoints:
        state = checkpoints.read_state()
    # Paths are nobody else's business.
    experiment = {
        **record["config"],
        "data": {**record["config"]["data"], "path": ""},
        "init_from": Path(config.init_from).name,
    }
    if teacher := experiment.get("distil", {}).get("teacher", ""):
        experiment["distil"] = {**experiment["distil"], "teacher": Path(teacher).name}
    meta = {"steps": int(state["step"]), "experiment": experiment}
    params = parameters(place(state["ema"], packing.shardings(mesh)), packing, mesh)
    try:
        return make_package(model, record["model"]["name"], params, meta, dtype)
    except ValueError as error:
        raise WrongCheckpoint(f"no package can be made of {workdir}: {error}") from error


def main(argv: Sequence[str] | None = None) -> None:
    """Export, and say what was written; exits with 1 and the reason where it cannot."""
    parser = argparse.ArgumentParser(prog="train.export", description=(__doc__ or "").split(":")[0])
    parser.add_argument("workdir", help="directory of the run")
    parser.add_argument("out", help="file to write, NAME.safetensors")
    parser.add_argument("--dtype", default="float16", choices=("float16", "bfloat16", "float32"))
    parser.add_argument("--best", action="store_true", help="of the best validation, not the last")
    parser.add_argument(
        "--model-factory", default="", metavar="MODULE:NAME", help="of a model that is not ours"
    )
    parser.add_argument("--force", action="store_true", help="replace OUT without asking")
    args = parser.parse_args(argv)
    with exit_code_of_ctrl_c():
        _run(args)


def _run(args: argparse.Namespace) -> None:
    try:
        workdir, out = path_of(args.workdir), path_of(args.out)
        check_bucket(workdir)
        check_bucket(out)
        if not args.force:
            _ask_before_replacing(out)
        package = export(workdir, args.dtype, args.best, args.model_factory)
        save_package(out, package, args.dtype)
    except (TrainingError, OSError) as error:
        sys.exit(f"train.export: {error}")
    print(
        f"{args.out}: {package.name}, {package.parameter_count:,} parameters, "
        f"{package.meta['steps']} steps, fingerprint {package.fingerprint.hex()}, "
        f"{size_of(out):,} bytes"
    )


def _ask_before_replacing(out: Path) -> None:
    """Exits where a file is there that the user does not give up, or cannot be asked about."""
    if not out.exists():
        return
    if not sys.stdin.isatty():
        sys.exit(f"train.export: {out} exists: give --force to replace it, or another name")
    try:
        answer = input(f"{out} exists. Replace it? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        sys.exit(f"train.export: {out} is kept")


if __name__ == "__main__":
    main()
