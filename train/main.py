"""Train a model: `python -m train.main --config configs/NAME.py:tiny --workdir runs/tiny`.

The same command goes on with a run that was stopped or killed. Fields of the experiment are
overridden as `--config.batch_size=4`. On many hosts the same command runs on each; see docs/pods.md.
"""

import io
import os
import shlex
import sys
import traceback
from typing import NoReturn

import jax
from absl import app, flags

from hcfss_jax.errors import HcfError, HostAway, UnreachablePlace, first_line
from hcfss_jax.runtime.hosts import join
from hcfss_jax.runtime.jax_settings import prepare_jax
from hcfss_jax.runtime.places import path_of
from train import flags as train_flags
from train.errors import TRY_AGAIN, TrainingError
from train.flags import CONFIG, parse_flags
from train.interrupt import exit_code_of_ctrl_c
from train.run import train

flags.adopt_module_key_flags(train_flags)  # so that --help lists them
_WORKDIR = flags.DEFINE_string("workdir", None, "Directory of the run: checkpoints and metrics.")
_PROFILE = flags.DEFINE_integer("profile", 0, "Steps to trace into WORKDIR/profile.", 0)
_COORDINATOR = flags.DEFINE_string("coordinator", "", "HOST:PORT of process 0, for plain hosts.")
_PROCESSES = flags.DEFINE_integer("processes", 0, "With --coordinator: how many there are.")
_PROCESS_ID = flags.DEFINE_integer("process_id", -1, "With --coordinator: which one this is.")


def main(argv: list[str]) -> None:
    """Run the experiment; exits with 1 and the reason where it cannot, with 130 after Ctrl-C, 143 after SIGTERM.

    With 75 where a bucket or another host does not answer any more.
    """
    del argv
    with exit_code_of_ctrl_c():
        _run()


def _run() -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of photos need not be text
        sys.stdout.reconfigure(errors="backslashreplace")
    prepare_jax()
    command = shlex.join(["python", "-m", "train.main", *sys.argv[1:]])
    try:
        join(_COORDINATOR.value, _PROCESSES.value, _PROCESS_ID.value)
        workdir = path_of(_WORKDIR.value or "")  # absl has seen to it that it is given
        stopped_by = train(CONFIG.value, workdir, command, _PROFILE.value)
    except (UnreachablePlace, HostAway) as error:
        _leave(str(error))
    except jax.errors.JaxRuntimeError as error:
        # That a device's memory is too small is this run's own fault, and would come again.
        if not jax.distributed.is_initialized() or "RESOURCE_EXHAUSTED" in str(error):
            raise
        traceback.print_exc()  # that it is another host is a guess
        _leave(f"the hosts cannot go on together, is one of them gone? {first_line(error)}")
    except (HcfError, TrainingError, OSError) as error:
        sys.exit(f"train.main: {error}")
    if stopped_by:
        print("stopped by a signal and saved: the same command goes on from here")
        sys.exit(128 + stopped_by)


def _leave(why: str) -> NoReturn:
    """End with TRY_AGAIN; among other hosts at once, as JAX would wait for them at the door, and they for this one."""
    print(f"train.main: {why}", file=sys.stderr)
    if not jax.distributed.is_initialized():
        sys.exit(TRY_AGAIN)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(TRY_AGAIN)


if __name__ == "__main__":
    flags.mark_flags_as_required(["config", "workdir"])
    app.run(main, flags_parser=lambda argv: parse_flags("train.main", argv))
