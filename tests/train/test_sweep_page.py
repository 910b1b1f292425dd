"""The sweep of docs/training.md: its loop and its array job start the same runs, and its last line finds figures."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from absl import flags
from ml_collections import ConfigDict, config_flags

from train.run import train

ROOT = Path(__file__).parents[2]
_SECTION = re.search(
    r"^## A sweep\n(.*?)^## ", (ROOT / "docs" / "training.md").read_text(), re.M | re.S
)
assert _SECTION
LOOP, ARRAY, FIGURES = re.findall(r"(?:^    .*\n)+", _SECTION[1], re.M)


def _started(script: str, folder: Path, **environment: str) -> list[list[str]]:
    """The commands that a script of the page starts, here without doing anything, from the `-m` on."""
    for name in ("python", "srun"):
        program = folder / name
        program.write_text(
            '#!/bin/sh\nprintf "%s " "$@" >> "$STARTED"; echo >> "$STARTED"; exit ${CODE:-0}\n'
        )
        program.chmod(0o755)
    started = folder / "started"
    started.unlink(missing_ok=True)
    environment |= {"PATH": f"{folder}:{os.environ['PATH']}", "STARTED": str(started)}
    subprocess.run(["bash", "-euc", script], env=os.environ | environment, check=True)
    commands = [shlex.split(line) for line in started.read_text().splitlines()]
    return [command[command.index("-m") :] for command in commands]


def _experiment(command: list[str], patch: pytest.MonkeyPatch) -> tuple[ConfigDict, Path]:
    """What the flags of the trainer's command mean."""
    assert command[:2] == ["-m", "train.main"]
    patch.setattr(sys, "argv", command[1:])  # where fields of a config are looked for
    values = flags.FlagValues()
    config = config_flags.DEFINE_config_file("config", flag_values=values)
    workdir = flags.DEFINE_string("workdir", None, "", flag_values=values)
    assert values(command[1:]) == ["train.main"]
    return config.value, Path(workdir.value or "")


def test_the_loop_and_the_array_are_the_same_runs_and_each_has_figures(
    config: ConfigDict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = _started(LOOP, tmp_path)
    of_array = [_started(ARRAY, tmp_path, SLURM_ARRAY_TASK_ID=str(task)) for task in range(4)]
    assert [[command] for command in commands] == of_array

    monkeypatch.chdir(ROOT)  # where its configs are
    experiments = [_experiment(command, monkeypatch) for command in commands]
    monkeypatch.chdir(tmp_path)
    fields = [(each.learning_rate, each.seed) for each, _ in experiments]
    assert fields == [(rate, seed) for rate in (1e-3, 2e-3) for seed in (0, 1)]
    for asked, workdir in experiments:
        small = config.copy_and_resolve_references()
        small.learning_rate, small.seed = asked.learning_rate, asked.seed
        assert train(small, workdir) == 0
    told = subprocess.run(["bash", "-euc", FIGURES], capture_output=True, text=True, check=True)
    lines = told.stdout.splitlines()
    assert [line.split()[0] for line in lines] == sorted(f"{where}/" for _, where in experiments)
    losses = {re.search(r'"step": 6, "loss": (\S+),', line)[1] for line in lines}
    assert len(losses) == len(experiments)  # neither field was lost on the way


def test_ctrl_c_in_a_run_ends_the_loop(tmp_path: Path) -> None:
    assert len(_started(LOOP, tmp_path, CODE="130")) == 1
