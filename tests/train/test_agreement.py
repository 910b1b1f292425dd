"""Hosts that are not about to do the same stop before they compile, each with the reason."""

import shutil
import time
from pathlib import Path

import pytest

from hcfss_jax.runtime.agreement import agreement, differences
from tests.train.processes import start
from train.agreement import check_shared, facts_of
from train.errors import NoImages
from train.sources import open_source

_LIMIT = 60  # seconds, of all hosts


def _stopped(processes: list, workdir: Path) -> list[str]:
    """What each host says at last; all have ended with 1, in less than a minute, and before they compiled."""
    began = time.monotonic()
    codes = [process.wait(timeout=_LIMIT) for process in processes]
    said = [(workdir / f"host{host}.log").read_text() for host in range(len(processes))]
    assert codes == [1] * len(codes), "\n".join(said)
    assert time.monotonic() - began < _LIMIT
    assert not any("compiling" in words for words in said)
    return [words[words.rindex("train.main: ") :] for words in said]


@pytest.mark.parametrize(
    ("flag", "told"),
    [
        (
            "--config.learning_rate=0.5",
            "config.learning_rate: 0.001 on host 0; 0.5 on host 1",
        ),
        ("--config.batch_size=6", "config.batch_size: 4 on host 0; 6 on host 1"),
        ("--config.batch_size=3", "host 1 stopped, and with it the run: config.batch_size=3"),
    ],
    ids=["learning rate", "batch", "a batch that cannot be"],
)
def test_another_field_stops_all_hosts(
    flag: str, told: str, photo_dir: Path, tmp_path: Path
) -> None:
    processes = start(tmp_path, photo_dir, "--config.steps=2", hosts=2, of_last=[flag])
    first, last = _stopped(processes, tmp_path)
    assert told in first and told.rpartition(": config")[2] in last


def test_half_of_the_photos_stop_all_hosts(photo_dir: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    half.mkdir()
    for photo in sorted(photo_dir.iterdir())[::2]:
        shutil.copy(photo, half)
    of_last = [f"--config.data.path={half}"]
    processes = start(tmp_path / "run", photo_dir, "--config.steps=2", hosts=2, of_last=of_last)
    for words in _stopped(processes, tmp_path / "run"):
        assert "the images: " in words and "on host 0" in words and "on host 1" in words


def test_a_workdir_of_its_own_stops_all_hosts(photo_dir: Path, tmp_path: Path) -> None:
    other = f"--workdir={tmp_path / 'elsewhere'}"
    processes = start(tmp_path / "run", photo_dir, "--config.steps=2", hosts=2, of_last=[other])
    for words in _stopped(processes, tmp_path / "run"):
        assert "host 1 does not see what the first host writes" in words and "--workdir" in words
    assert not list((tmp_path / "run").glob(".seen*"))


def test_differences_name_what_and_where() -> None:
    same = {"config.seed": "0", "the code": "a"}
    assert differences([same, same, same]) == []
    other = {"config.seed": "1", "the code": "a", "config.new": "2"}
    assert differences([same, other, same]) == [
        "config.new: none on hosts 0, 2; 2 on host 1",
        "config.seed: 0 on hosts 0, 2; 1 on host 1",
    ]


def test_facts_are_of_the_run_and_not_of_the_host(config, photo_dir: Path, tmp_path: Path) -> None:
    source = open_source(photo_dir)
    before = facts_of(config, source, len(source))
    config.data.path, config.data.workers = "/elsewhere", 7
    assert facts_of(config, source, len(source)) == before
    config.init_from = str(tmp_path / "weights")
    (tmp_path / "weights").write_bytes(b"one")
    one = facts_of(config, source, len(source))
    (tmp_path / "weights").write_bytes(b"two")
    two = facts_of(config, source, len(source))
    assert differences([one, two])[0].startswith("the weights of config.init_from: ")


def test_a_machine_alone_agrees_with_itself(tmp_path: Path) -> None:
    with agreement() as facts:
        facts["a"] = "b"
    check_shared(tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(NoImages), agreement():
        raise NoImages("none")
