"""Programs that need more than the library does say what to install."""

import sys

import pytest

from hcfss_jax.runtime.extras import need


def test_what_is_there_is_no_word_worth():
    need("train", "sys", "numpy")


def test_a_program_ends_with_what_to_install(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["-m"])  # as while its packages are imported
    with pytest.raises(SystemExit, match=r"no_such_module missing: pip install -e '.\[train\]'"):
        need("train", "sys", "no_such_module")


def test_whoever_imports_gets_an_error_of_import(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["python"])
    with pytest.raises(ModuleNotFoundError, match="pip install") as missing:
        need("eval", "no_such_module")
    assert missing.value.name == "no_such_module"
