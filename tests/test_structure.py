"""How the house is built, as far as a program can tell."""

import ast
from pathlib import Path

import pytest

import hcfss_jax
from hcfss_jax import coding
from hcfss_jax.models import registry

ROOT = Path(__file__).parents[1]


FLOORS = (
    ("errors", "named"),
    ("runtime",),
    ("ops",),
    ("coding",),
    ("layers",),
    ("entropy",),
    ("pictures", "texts"),
    ("models",),
    ("weights",),
    ("pytorch", "metrics"),
    ("codec",),
    ("pillow", "evaluation", "nets"),
    ("cli",),
)
"""From the lowest: what stands on one imports from its own and those below."""
TOPMOST = ("train", "eval", "configs", "tests")
FAMILIES = list(registry.FAMILIES)
TERMS = ("roi",)
"""Families that are called as a thing that every model may be asked of: a region of interest."""


def imports_of(file: Path) -> set[str]:
    """The modules that a file imports, whenever it does."""
    nodes = [*ast.walk(ast.parse(file.read_text()))]
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def for_types_alone(file: Path) -> set[str]:
    """Those that only a checker of types sees."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for inner in ast.walk(node):
                if isinstance(inner, ast.ImportFrom) and inner.module:
                    found |= {inner.module, *(f"{inner.module}.{a.name}" for a in inner.names)}
    return found


def test_a_file_imports_from_its_own_floor_and_those_below():
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    library = ROOT / "hcfss_jax"
    upwards = []
    for file in library.rglob("*.py"):
        room = file.relative_to(library).parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        for name in imports_of(file) - for_types_alone(file):
            top, *rest = name.split(".")
            assert top not in TOPMOST, f"{file} imports {name}"
            if top == "hcfss_jax" and rest and rest[0] in floor and floor[rest[0]] > floor[room]:
                upwards.append(f"{file.relative_to(library)} imports {name}")
    assert not upwards, upwards


@pytest.mark.parametrize(
    "place", ["train", "eval", *(f"hcfss_jax/{p}" for p in ("runtime", "coding", "codec"))]
)
def test_what_serves_every_model_names_none(place):
    names = [family for family in FAMILIES if family not in TERMS]
    for file in (ROOT / place).rglob("*.py"):
        text = file.read_text().lower()
        assert not [family for family in names if family in text], file


def test_nothing_but_the_registry_lists_families():
    for room in ("models", "entropy", "layers", "pytorch", "weights", "cli"):
        for file in (ROOT / "hcfss_jax" / room).rglob("*.py"):
            imported = {name.rpartition(".")[2] for name in imports_of(file)} & set(FAMILIES)
            assert len(imported) <= 2 or file.name == "registry.py", (file, imported)


@pytest.mark.parametrize("package", [hcfss_jax, coding])
def test_names_that_are_imported_when_first_used_are_shown_before(package):
    assert set(package.__all__) <= set(dir(package))
    assert all(getattr(package, name) is not None for name in dir(package))
