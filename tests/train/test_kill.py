"""A run that is killed at any moment, started again with the same command, ends as if it had not been."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from tests.train.processes import ended, finish, lines, start, start_supervised, trainers
from tests.train.stand_in import create_stand_in
from train.checkpoints import Checkpoints
from train.errors import TRY_AGAIN
from train.experiment import packing_of
from train.mesh import make_mesh
from train.optimiser import make_optimiser
from train.state import state_like
from train.workdir import read_workdir

_STEPS = 120
_FLAGS = (
    f"--config.steps={_STEPS}",
    "--config.batch_size=4",
    "--config.checkpoint_minutes=0.004",
)


_UNSAVED = "--config.checkpoint_minutes=60"
_KILLS = (
    (signal.SIGKILL, (0, 1)),
    (signal.SIGKILL, (1,)),
    (signal.SIGTERM, (0, 1)),
    (signal.SIGKILL, (0,)),
    (signal.SIGKILL, (0, 1)),
)
"""(which signal, to the trainers of which hosts)"""


@pytest.fixture(scope="module")
def whole(photo_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on two hosts that nobody killed."""
    workdir = tmp_path_factory.mktemp("whole")
    finish(start(workdir, photo_dir, *_FLAGS, _UNSAVED, hosts=2), workdir)
    return workdir


def test_killed_and_resumed_it_ends_the_same_to_the_bit(photo_dir: Path, tmp_path: Path) -> None:
    unkilled, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start(unkilled, photo_dir, *_FLAGS, _UNSAVED), unkilled)
    moments = random.Random(1)
    for step in sorted(moments.sample(range(1, _STEPS - 30), 5)):
        processes = start(killed, photo_dir, *_FLAGS)
        _wait_for(step, killed, processes)
        time.sleep(moments.uniform(0, 0.05))  # in the middle of a step or a checkpoint
        for process in processes:
            process.kill()
            process.wait()
    finish(start(killed, photo_dir, *_FLAGS), killed)
    _check_the_same(killed, unkilled)


def test_one_host_hears_of_sigterm_and_all_stop_and_go_on(
    whole: Path, photo_dir: Path, tmp_path: Path
) -> None:
    stopped = start(tmp_path, photo_dir, *_FLAGS, _UNSAVED, hosts=2)
    _wait_for(10, tmp_path, stopped)
    stopped[-1].send_signal(signal.SIGTERM)
    assert ended(stopped, within=60) == [143, 143]
    finish(start(tmp_path, photo_dir, *_FLAGS, _UNSAVED, hosts=2), tmp_path)
    _check_the_same(tmp_path, whole)


def test_supervised_through_five_kills_it_ends_the_same_to_the_bit(
    whole: Path, photo_dir: Path, tmp_path: Path
) -> None:
    moments = random.Random(2)
    supervisors = start_supervised(tmp_path, photo_dir, *_FLAGS, hosts=2)
    try:
        before = trainers(tmp_path, 2)
        for step, (number, hosts) in zip(range(10, 100, 20), _KILLS, strict=False):
            _wait_for(step, tmp_path, supervisors, started_since=before)
            time.sleep(moments.uniform(0, 0.05))
            before = trainers(tmp_path, 2)
            for host in hosts:
                os.kill(before[host], number)
        finish(supervisors, tmp_path)
    finally:
        for process in supervisors:
            process.kill()
        for pid in trainers(tmp_path, 2):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    for host in range(2):
        words = (tmp_path / f"host{host}.log").read_text()
        assert words.count("train.supervise: ended with") == len(_KILLS), words
    _check_the_same(tmp_path, whole)


def test_a_host_that_is_left_alone_ends_at_once_to_be_started_again(
    photo_dir: Path, tmp_path: Path
) -> None:
    processes = start(tmp_path, photo_dir, "--config.steps=5000", *_FLAGS[1:2], hosts=2)
    _wait_for(10, tmp_path, processes)
    processes[1].kill()
    assert ended(processes, within=60) == [TRY_AGAIN, -signal.SIGKILL]
    assert "train.main: the hosts cannot go on" in (tmp_path / "host0.log").read_text()


def test_a_port_that_is_still_taken_is_worth_another_try(photo_dir: Path, tmp_path: Path) -> None:
    with socket.create_server(("", 0)) as other:
        port = other.getsockname()[1]
        flags = (f"--coordinator=localhost:{port}", "--processes=2", "--process_id=0")
        assert ended(start(tmp_path, photo_dir, *flags), within=60) == [TRY_AGAIN]
    assert f"port {port}, where they meet, is taken" in (tmp_path / "host0.log").read_text()


def _check_the_same(killed: Path, whole: Path) -> None:
    """To the bit in what is saved and in what was written down, of each step once."""
    jax.tree.map(np.testing.assert_array_equal, _saved(killed), _saved(whole))
    assert [line["step"] for line in lines(killed)] == list(range(1, _STEPS + 1))
    losses = [[line["loss"] for line in lines(run)] for run in (killed, whole)]
    assert losses[0] == losses[1]


def _wait_for(
    step: int,
    workdir: Path,
    processes: list[subprocess.Popen],
    started_since: Sequence[int] = (),
) -> None:
    """Until the run has come that far, in other processes than those of before."""
    end = time.monotonic() + 60 * (1 + len(started_since))
    while set(started_since) & {*trainers(workdir, 2)} or not any(
        line["step"] >= step for line in lines(workdir)
    ):
        words = "\n".join(log.read_text()[-2000:] for log in workdir.glob("host*.log"))
        assert time.monotonic() < end, f"no step {step} in time\n{words}"
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
