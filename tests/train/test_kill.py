"""A run that is killed at any moment, started again with the same command, ends as if it had not been."""

import random
import signal
import subprocess
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from tests.train.processes import finish, lines, start
from tests.train.stand_in import create_stand_in
from train.checkpoints import Checkpoints
from train.experiment import packing_of
from train.mesh import make_mesh
from train.optimiser import make_optimiser
from train.state import state_like
from train.workdir import read_workdir

_STEPS = 200
_FLAGS = (
    f"--config.steps={_STEPS}",
    "--config.batch_size=4",
    "--config.checkpoint_minutes=0.002",
)


@pytest.mark.parametrize("hosts", [1, 2])
def test_killed_and_resumed_it_ends_the_same_to_the_bit(
    hosts: int, photo_dir: Path, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start(whole, photo_dir, *_FLAGS, hosts=hosts), whole)

    moments = random.Random(hosts)
    kills = sorted(moments.sample(range(1, _STEPS - 30), 5 if hosts == 1 else 2))
    for step in kills:
        processes = start(killed, photo_dir, *_FLAGS, hosts=hosts)
        _wait_for(step, killed, processes)
        time.sleep(moments.uniform(0, 0.05))  # in the middle of a step or a checkpoint
        for process in processes:
            process.kill()
            process.wait()
    stopped = start(killed, photo_dir, *_FLAGS, hosts=hosts)
    _wait_for(kills[-1] + 10, killed, stopped)
    stopped[-1].send_signal(signal.SIGTERM)  # one host hears of it, all stop
    assert [process.wait(60) for process in stopped] == [143] * hosts
    finish(start(killed, photo_dir, *_FLAGS, hosts=hosts), killed)

    jax.tree.map(np.testing.assert_array_equal, _saved(killed), _saved(whole))
    assert [line["step"] for line in lines(killed)] == list(range(1, _STEPS + 1))
    losses = [[line["loss"] for line in lines(run)] for run in (killed, whole)]
    assert losses[0] == losses[1]


def _wait_for(step: int, workdir: Path, processes: list[subprocess.Popen]) -> None:
    end = time.monotonic() + 60
    while not any(line["step"] >= step for line in lines(workdir)):
        words = "\n".join(log.read_text()[-2000:] for log in workdir.glob("host*.log"))
        assert time.monotonic() < end, f"no step {step} within a minute\n{words}"
        assert all(process.poll() is None for process in processes), words
        time.sleep(0.01)


def _saved(workdir: Path):
    """The newest checkpoint: state and position."""
    config = ConfigDict(read_workdir(workdir)["config"])
    model = create_stand_in("stand-in", **config.model.overrides)
    packing = packing_of(model, config)
    like = state_like(packing, make_optimiser(config, packing), make_mesh())
    with Checkpoints(workdir / "checkpoints") as checkpoints:
        state, data = checkpoints.restore(like)
    assert int(state.step) == _STEPS
    return jax.tree.map(np.asarray, state), data["examples"]
