"""The command answers at once where no model is needed."""

import subprocess
import sys

import pytest

import hcfss_jax
from hcfss_jax.cli import main
from hcfss_jax.coding import Header, pack


def told_without(modules: set[str], *arguments: str) -> str:
    """What a command prints, if it succeeds without importing these modules."""
    program = f"""
import sys
from hcfss_jax.cli import main
try:
    code = main({arguments!r})
except SystemExit as stopped:
    code = stopped.code
heavy = {modules!r} & set(sys.modules)
assert code == 0 and not heavy, (code, heavy)
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    return told.stdout


def test_help_does_not_import_jax():
    assert "compress" in told_without({"jax", "flax", "numpy"}, "--help")


def test_the_version_is_told():
    assert told_without({"jax", "flax", "numpy"}, "--version") == f"hcfss {hcfss_jax.__version__}\n"


def test_info_does_not_import_jax(tmp_path):
    file = tmp_path / "a.hcf"
    file.write_bytes(pack(Header("some-model", bytes(4), 100, 50, "rgb", 3.5), bytes(20)))
    assert "some-model" in told_without({"jax", "flax", "scipy"}, "info", str(file))


@pytest.mark.parametrize("arguments", [[], ["transmogrify"]])
def test_no_command_and_a_wrong_one_are_usage_errors(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: hcfss" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_shell_completes_commands_options_and_files(shell, capsys):
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("compress", "import-torch", "target-bpp", "no-recursive"):
        assert word in script


def test_without_the_library_for_completion_its_name_is_told(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 1
    assert "pip install 'hcfss-jax[completion]'" in capsys.readouterr().err
