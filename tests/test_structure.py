"""How the house is built, as far as a program can tell."""

from pathlib import Path

import pytest

import hcfss_jax
from hcfss_jax import coding
from hcfss_jax.models import model_names

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("place", ["train", "eval", "hcfss_jax/coding", "hcfss_jax/codec.py"])
def test_what_serves_every_model_names_none(place):
    families = {name.partition("-")[0] for name in model_names()}
    for file in [*(ROOT / place).rglob("*.py")] or [ROOT / place]:
        text = file.read_text().lower()
        assert not [family for family in families if family in text], file


@pytest.mark.parametrize("package", [hcfss_jax, coding])
def test_names_that_are_imported_when_first_used_are_shown_before(package):
    assert set(package.__all__) <= set(dir(package))
    assert all(getattr(package, name) is not None for name in dir(package))
