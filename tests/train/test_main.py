"""The command: what it says to a user who gave it something that cannot work."""

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("--config.nosuch=1", "the experiment has no field \"'nosuch'\""),
        ("--config.data.path=nowhere", "there is nothing at 'nowhere'"),
        ("--config.distil.features=nan", "config.distil.features=nan is not a number"),
        ("--config=configs/hcfssnet.py:nope", "hcfssnet has no variant 'nope': use one of tiny,"),
        ("--workdir=s3://run", "s3://run: only gs:// is a place, as Orbax keeps checkpoints in no"),
        ("--nosuch", "Unknown command line flag 'nosuch'"),
    ],
)
def test_a_fault_is_one_line_and_no_traceback(flag: str, says: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "train.main", "--config", "configs/hcfssnet.py:tiny"]
    done = subprocess.run(
        [*command, "--workdir", str(tmp_path / "run"), flag],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert says in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr and done.stderr.count("\n") < 5
    assert not (tmp_path / "run").exists()
