"""The site builds without a warning, and has all public names."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PUBLIC = (
    "",
    ".layers",
    ".ops",
    ".models",
    ".entropy",
    ".coding",
    ".weights",
    ".evaluation",
    ".pytorch",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    pytest.importorskip("mkdocs")
    pytest.importorskip("mkdocstrings")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder


def test_every_public_name_has_its_place(site):
    shown = "".join(page.read_text() for page in site.glob("reference/*/index.html"))
    known = {name.rpartition(".")[2] for name in re.findall(r'id="(hcfss_jax[\w.]*)"', shown)}
    for package in PUBLIC:
        public = importlib.import_module(f"hcfss_jax{package}").__all__
        assert not set(public) - known, package


def test_pages_of_the_root_lead_on_and_sources_are_words(site):
    start = (site / "index.html").read_text()
    assert 'href="decode-anywhere/"' in start and "results/hcfssnet-tiny-kodak/psnr.png" in start
    assert (site / "changes/index.html").exists()
    extending = (site / "extending/index.html").read_text()
    assert "train/example.py" in extending and 'href="../train/' not in extending
    assert not list(site.rglob("*.safetensors"))


def test_a_notebook_is_a_page_with_its_pictures_below_its_code(site):
    for notebook in (ROOT / "docs/notebooks").glob("*.py"):
        page = (site / "notebooks" / notebook.stem / "index.html").read_text()
        saved = re.findall(r'savefig\(PICTURES / "(.*?)"', notebook.read_text())
        assert saved and "# %%" not in page
        for picture in saved:
            assert f'src="../pictures/{picture}"' in page
            assert (site / "notebooks/pictures" / picture).stat().st_size
    assert 'href="notebooks/compare/"' in (site / "index.html").read_text()
    assert not list((site / "notebooks").glob("*.py"))
