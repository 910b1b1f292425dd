"""The command answers at once where no model is needed."""

import subprocess
import sys

import pytest

from hcfss_jax.cli import main


def test_help_does_not_import_jax():
    program = """
import sys
from hcfss_jax.cli import main
try:
    main(["--help"])
except SystemExit as stopped:
    assert stopped.code == 0
heavy = {"jax", "flax", "numpy"} & set(sys.modules)
assert not heavy, heavy
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert "compress" in told.stdout


@pytest.mark.parametrize("arguments", [[], ["transmogrify"]])
def test_no_command_and_a_wrong_one_are_usage_errors(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: hcfss" in capsys.readouterr().err
