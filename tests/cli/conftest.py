"""A command line that needs no model, in a folder of its own."""

from pathlib import Path

import pytest

from hcfss_jax.cli import runtime
from tests.cli.fake_codec import FakeCodec


@pytest.fixture
def codec(monkeypatch) -> FakeCodec:
    fake = FakeCodec()
    monkeypatch.setattr(runtime, "load_codec", lambda *names: fake)
    return fake


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
