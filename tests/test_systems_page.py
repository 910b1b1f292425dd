"""docs/systems.md tells of every family, draws what the files draw, and its commands and figures are real ones."""

import ast
import importlib
import json
import re
import shlex
from pathlib import Path

import pytest

from hcfss_jax.models import create_model
from hcfss_jax.models.registry import FAMILIES

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGE = (DOCS / "systems.md").read_text(encoding="utf-8")
SECTIONS = {
    name: text for name, text in re.findall(r"^## `(\w+)`: (.*?)(?=^## |\Z)", PAGE, re.M | re.S)
}
DRAWN = {
    block
    for file in (ROOT / "hcfss_jax/models").glob("*.py")
    for block in (ast.get_docstring(ast.parse(file.read_text())) or "").split("\n\n")
}


def blocks(text: str) -> list[str]:
    """Its indented blocks."""
    return [
        block.strip("\n")
        for block in text.split("\n\n")
        if block.strip() and all(line.startswith("    ") for line in block.strip("\n").split("\n"))
    ]


def test_every_family_has_a_section_and_no_other():
    assert set(SECTIONS) == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_section_says_what_is_known_and_draws_what_the_model_s_file_does(family):
    text = SECTIONS[family]
    assert "**Known**" in text
    drawing, *commands = blocks(text)
    assert drawing in DRAWN and commands


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_section_has_to_train_is_there(family):
    for command in blocks(SECTIONS[family])[1:]:
        for line in re.sub(r"\\\n\s*", "", command).splitlines():
            *_, program, _, experiment = shlex.split(line)[:5]
            assert program == "train.main"
            file, _, variant = experiment.partition(":")
            assert file == f"configs/{family}.py"
            config = importlib.import_module(f"configs.{family}").get_config(variant)
            create_model(config.model.name, **config.model.overrides)
            for flag in shlex.split(line)[5:]:
                if flag.startswith("--config."):
                    config[flag.removeprefix("--config.").partition("=")[0].partition(".")[0]]


@pytest.mark.parametrize("family", FAMILIES)
def test_variants_and_fields_that_a_section_names_are_the_model_s(family):
    for name in re.findall(r"`((?:tiny|small|base|n\d+)(?:,[^`]+)?)`", SECTIONS[family]):
        config = importlib.import_module(f"configs.{family}").get_config(name)
        create_model(config.model.name, **config.model.overrides)
    told = re.sub(
        r"^    .*$", "", SECTIONS[family], flags=re.M
    )  # without drawings, which name modules
    fields = set(re.findall(r"`(\w+)(?:=[^`]*)?`", told))
    config = next(iter(FAMILIES[family].variants.values()))
    assert {name for name in fields if "_" in name} <= set(vars(config))


def test_the_costs_are_those_of_the_table():
    rows = {
        row["family"]: row
        for row in json.loads((DOCS / "results/systems/table.json").read_text())["paper"]
    }
    assert list(rows) == list(FAMILIES)
    for family, row in rows.items():
        work = (f"{row['multiply_adds'][side] / 1e3:.0f}" for side in ("encoder", "decoder"))
        cells = f"{row['parameters'] / 1e6:.1f} M | {' | '.join(work)} | {row['steps']}"
        assert f"| [`{family}`](#{anchor(family)}) | {cells} |" in PAGE


def anchor(family: str) -> str:
    """What GitHub makes of a section's heading."""
    title = SECTIONS[family].split("\n")[0]
    return re.sub(r"[^\w\- ]", "", f"{family}: {title}".lower()).replace(" ", "-")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_section_links_the_results_that_there_are(family):
    for card in (DOCS / "results").glob(f"{family}-tiny-*/README.md"):
        assert f"(results/{card.parent.name}/README.md)" in SECTIONS[family]
