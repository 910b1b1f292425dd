"""docs/porting.md does what it says: each of its sections is a program, run as it stands."""

import shutil
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import hcfss_jax
from hcfss_jax.weights import SHIPPED

PAGE = Path(__file__).parents[1] / "docs" / "porting.md"
WITHOUT_US = "Our weights without our package"


def programs() -> dict[str, str]:
    """The code of each section that has some, on the lines where the page has it: so tracebacks say."""
    found: dict[str, list[str]] = {}
    title, inside = "", False
    for number, line in enumerate(PAGE.read_text(encoding="utf-8").splitlines()):
        if line.startswith("## "):
            title = line.removeprefix("## ")
        elif line.startswith("```"):
            inside = line == "```python"
        elif inside:
            lines = found.setdefault(title, [])
            lines += [""] * (number - len(lines)) + [line]
    return {title: "\n".join(lines) for title, lines in found.items()}


PROGRAMS = programs()


def run(title: str) -> dict[str, object]:
    """What a program has defined when it is through."""
    names: dict[str, object] = {}
    exec(compile(PROGRAMS[title], PAGE, "exec"), names)
    return names


@pytest.mark.parametrize("title", sorted(PROGRAMS.keys() - {WITHOUT_US}))
def test_an_example_runs_and_what_it_asserts_holds(title):
    assert "assert " in PROGRAMS[title]
    run(title)


def test_a_package_is_read_whole_where_neither_ours_nor_jax_can_be_imported(tmp_path, monkeypatch):
    codec = hcfss_jax.load("hcfssnet-tiny")
    shutil.copy(SHIPPED / "hcfssnet-tiny.safetensors", tmp_path)
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as without:
        for package in ("hcfss_jax", "jax"):
            without.setitem(sys.modules, package, None)
        read = run(WITHOUT_US)
    tables = {latent: table.to_arrays() for latent, table in codec.tables.items()}
    wanted = {"params": codec.params, "tables": tables}
    jax.tree.map(np.testing.assert_array_equal, read["tree"], wanted)
    assert read["header"]["config"] == codec.config
    assert read["header"]["fingerprint"] == codec.fingerprint.hex()
