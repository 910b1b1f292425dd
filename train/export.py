"""Make a weight package of a run: `python -m train.export runs/tiny hcfssnet-tiny.safetensors`."""

import argparse
import sys
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from hcfss_jax.weights import WeightPackage, make_package, save_package
from train.checkpoints import Checkpoints
from train.errors import TrainingError, WrongCheckpoint
from train.experiment import create, layout_of, read_workdir, state_like
from train.optimiser import make_optimiser
from train.step import make_mesh, replicated


def export(workdir: Path, dtype: str = "bfloat16") -> WeightPackage:
    """The package of the averaged parameters in the newest checkpoint of `workdir`.

    dtype: of the stored parameters. Raises WrongCheckpoint where there is no run.
    """
    record = read_workdir(workdir)
    config = ConfigDict(record["config"])
    model = create(record["model"]["name"], record["model"]["config"])
    layout = layout_of(model)
    if record["model"]["layout"] != layout.digest:
        raise WrongCheckpoint(
            f"{workdir} was trained by code whose parameters have other names or shapes: "
            "export it with that code"
        )
    whole = replicated(make_mesh(jax.devices()[:1]))  # whatever it was trained on
    with Checkpoints(workdir) as checkpoints:
        state, _ = checkpoints.restore(state_like(layout, make_optimiser(config), whole))
    experiment = {**record["config"], "data": {**record["config"]["data"], "path": ""}}
    meta = {"steps": int(state.step), "experiment": experiment}  # paths are nobody else's business
    params = jax.tree.map(np.asarray, layout.unravel(state.ema))
    return make_package(model, record["model"]["name"], params, meta, dtype)


def main() -> None:
    """Export, and say what was written; exits with 1 and the reason where it cannot."""
    parser = argparse.ArgumentParser(prog="train.export", description=__doc__)
    parser.add_argument("workdir", type=Path, help="directory of the run")
    parser.add_argument("out", type=Path, help="file to write, NAME.safetensors")
    parser.add_argument("--dtype", default="bfloat16", choices=("bfloat16", "float32"))
    args = parser.parse_args()
    try:
        package = export(args.workdir, args.dtype)
        save_package(args.out, package, args.dtype)
    except (TrainingError, OSError) as error:
        sys.exit(f"train.export: {error}")
    print(
        f"{args.out}: {package.name}, {package.parameter_count:,} parameters, "
        f"{package.meta['steps']} steps, fingerprint {package.fingerprint.hex()}, "
        f"{args.out.stat().st_size:,} bytes"
    )


if __name__ == "__main__":
    main()
