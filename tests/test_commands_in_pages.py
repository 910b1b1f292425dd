"""Every command that a page shows is one that its program takes: it exists, and has these options."""

import argparse
import copy
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

from hcfss_jax.cli import program

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
OF_ABSL = ("train.main", "train.bench", "train.bfloat16_products", "train.compile_only")
STANDS_FOR = {
    "FILE.py:VARIANT": "configs/hcfssnet.py:tiny",
    "--config ...": "--config configs/hcfssnet.py:tiny",
    "=N": "=2",
    "=I": "=0",
    " ...": "",
}


def commands(page: Path) -> list[list[str]]:
    """Words of each, from the program on: of code that is set apart, and of a table's first column."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    program = r"(?:python -m (?:train|eval)\.|hcfss )"
    shown = rf"^ {{4}}({program}.*)$|^\| `(python -m .*?)`"
    lines = [a or b for a, b in re.findall(shown, text, re.MULTILINE)]
    found = []
    for line in lines:
        for word, meant in STANDS_FOR.items():
            line = line.replace(word, meant)
        line = re.sub(
            r"[\[\]]|[<>] *\S+", "", line
        )  # what may be left out; where it reads and writes
        for part in line.partition(" #")[0].split(" | "):
            words = shlex.split(part)
            if "hcfss" in words:
                found.append(words[words.index("hcfss") :])
            elif "python" in words:
                found.append(words[words.index("python") + 2 :])
    return found


class Taken(Exception):
    """Its words were understood; what it does is tested elsewhere."""


@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=lambda page: page.stem)
def test_its_commands_are_taken(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # where the configs are
    for words in commands(page):
        monkeypatch.setattr(sys, "argv", words)
        try:
            if words[0] == "hcfss":
                program._parse(words[1:])
            elif words[0] in OF_ABSL:
                _take_flags(words)
            else:
                _take_arguments(words, monkeypatch)
        except SystemExit as error:
            pytest.fail(f"{shlex.join(words)}: {error.code}")


def _take_arguments(words: list[str], patch: pytest.MonkeyPatch) -> None:
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(self: argparse.ArgumentParser, args: object = None) -> None:
        parse(self, args)
        raise Taken

    with patch.context() as patched, pytest.raises(Taken):
        patched.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
        runpy.run_module(words[0], run_name="__main__")


def _take_flags(words: list[str]) -> None:
    flags = pytest.importorskip("absl.flags")
    config_flags = pytest.importorskip("ml_collections.config_flags")
    __import__(words[0])
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=values)
    for flag in flags.FLAGS.get_key_flags_for_module(words[0]):
        if flag.name != "config":
            values[flag.name] = copy.deepcopy(flag)
    try:
        assert values(words) == words[:1]
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError) as error:
        pytest.fail(f"{shlex.join(words)}: {error}")
