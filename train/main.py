"""Train a model: `python -m train.main --config configs/hcfssnet.py:tiny --workdir runs/tiny`.

The same command goes on with a run that was stopped or killed. Fields of the experiment are
overridden as `--config.batch_size=4`.
"""

import shlex
import sys
from pathlib import Path

from absl import app, flags, logging
from ml_collections import config_flags

from hcfss_jax.jax_settings import prepare_jax
from train.errors import TrainingError
from train.loop import train

_CONFIG = config_flags.DEFINE_config_file("config", None, "The experiment, FILE.py:VARIANT.")
_WORKDIR = flags.DEFINE_string("workdir", None, "Directory of the run: checkpoints and metrics.")


def parse_flags(argv: list[str]) -> list[str]:
    """What is left of `argv` after the flags; exits with the reason for a bad field or file."""
    try:
        rest = app.parse_flags_with_usage(argv)
    except (AttributeError, KeyError) as error:
        sys.exit(f"train.main: the experiment has no field {error}")
    except (TypeError, ValueError, OSError) as error:
        sys.exit(f"train.main: the experiment cannot be loaded: {error}")
    if flags.FLAGS["verbosity"].using_default_value:
        # orbax tells a page at each checkpoint; `--verbosity=0` brings it back.
        logging.set_verbosity(logging.WARNING)
    return rest


def main(argv: list[str]) -> None:
    """Run the experiment; exits with 1 and the reason where it cannot, 128 + N after signal N."""
    if len(argv) > 1:
        sys.exit(f"train.main: unexpected argument {argv[1]!r}")
    prepare_jax()
    workdir = Path(_WORKDIR.value or "")  # absl has seen to it that it is given
    command = shlex.join(["python", "-m", "train.main", *sys.argv[1:]])
    try:
        stopped_by = train(_CONFIG.value, workdir, command)
    except TrainingError as error:
        sys.exit(f"train.main: {error}")
    if stopped_by is not None:
        print(f"stopped by signal {stopped_by} and saved: the same command goes on from here")
        sys.exit(128 + stopped_by)


if __name__ == "__main__":
    flags.mark_flags_as_required(["config", "workdir"])
    app.run(main, flags_parser=parse_flags)
