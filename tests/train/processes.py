"""Programs in processes of their own, mostly runs of the stand-in: on fake devices, on several hosts, to be killed."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.train.stand_in import FACTORY, NAME

ROOT = Path(__file__).parents[2]
_TRAINER = ("-m", "train.main")


def start(
    workdir: Path,
    photos: Path,
    *flags: str,
    devices: int = 1,
    hosts: int = 1,
    of_last: Sequence[str] = (),
    last_is: Sequence[str] = _TRAINER,
) -> list[subprocess.Popen]:
    """A run on `hosts` processes of `devices` fake devices each; `flags` go on to `train.main`.

    of_last: more flags, of the last host alone. last_is: what Python is to run there.
    """
    commands = introduced(_trainer(workdir, photos, flags), hosts)
    commands[-1][1:3] = last_is
    commands[-1] += of_last
    return launch(commands, workdir, devices)


def start_supervised(
    workdir: Path, photos: Path, *flags: str, hosts: int
) -> list[subprocess.Popen]:
    """The same under `train.supervise` on each host. The trainer's process is that in hostN.pid, of each start anew."""
    commands = introduced(_trainer(workdir, photos, flags), hosts)
    supervise = [sys.executable, "-m", "train.supervise", "--pause=0.2", "--longest=0.2", "--"]
    noted = ["sh", "-c", 'echo $$ > "$0" && exec "$@"']
    return launch(
        [
            [*supervise, *noted, str(workdir / f"host{host}.pid"), *command]
            for host, command in enumerate(commands)
        ],
        workdir,
    )


def trainers(workdir: Path, hosts: int) -> list[int]:
    """The process of each host's trainer, as of the newest start; 0 where none has started."""
    files = [workdir / f"host{host}.pid" for host in range(hosts)]
    return [int(file.read_text() or 0) if file.exists() else 0 for file in files]


def _trainer(workdir: Path, photos: Path, flags: Sequence[str]) -> list[str]:
    run = [sys.executable, *_TRAINER, f"--workdir={workdir}", *_EXPERIMENT]
    return [*run, f"--config.data.path={photos}", *flags]


def introduced(command: Sequence[str], hosts: int) -> list[list[str]]:
    """The command of each host, which tells it of the others."""
    if hosts == 1:
        return [[*command]]
    known = [f"--coordinator=localhost:{free_port()}", f"--processes={hosts}"]
    return [[*command, *known, f"--process_id={host}"] for host in range(hosts)]


def launch(
    commands: Sequence[Sequence[str]], logs: Path, devices: int = 1
) -> list[subprocess.Popen]:
    """A process for each command, with so many fake devices; what it says goes to hostN.log."""
    logs.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "PYTHONWARNINGS": "ignore",
    }
    processes = []
    for host, command in enumerate(commands):
        with (logs / f"host{host}.log").open("ab") as log:
            processes.append(
                subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            )
    return processes


def finish(processes: list[subprocess.Popen], workdir: Path) -> None:
    """Wait for a run; its last words come with the failure where it fails."""
    codes = ended(processes)
    words = "\n".join(log.read_text()[-2000:] for log in workdir.glob("host*.log"))
    assert not any(codes), f"exit codes {codes}\n{words}"


def ended(processes: list[subprocess.Popen], within: float = 120) -> list[int]:
    """The exit code of each; whatever still runs after so many seconds is killed."""
    try:
        return [process.wait(timeout=within) for process in processes]
    finally:
        for process in processes:
            process.kill()


def lines(workdir: Path, kind: str = "train") -> list[dict]:
    """The whole lines of metrics.jsonl of one kind."""
    path = workdir / "metrics.jsonl"
    text = path.read_text() if path.exists() else ""
    written = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
    return [line for line in written if line["kind"] == kind]


_EXPERIMENT = (
    "--config=configs/tcm.py:tiny",
    f"--config.model.name={NAME}",
    f"--config.model.factory={FACTORY}",
    "--config.eval_files=0",
    "--config.crop=64",
    "--config.eval_every=0",
    "--config.data.held_out=0",
    "--config.warmup_steps=2",
    "--config.log_every=1",
)


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]
