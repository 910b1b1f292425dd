"""The writer for Weights & Biases, against a stand-in that has of its interface what the writer calls."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from ml_collections import ConfigDict

from train.errors import BadConfig
from train.writers import build_writers

CONFIG = ConfigDict({"writers": ("wandb",), "steps": 9})


class Run:
    """What `wandb.init` returns."""

    def __init__(self, stand_in: "StandIn", **asked):
        self.stand_in, self.asked = stand_in, asked
        self.id = asked["id"] or f"run{len(stand_in.runs)}"
        self.told, self.ended = [], False

    def log(self, told, step):
        if self.stand_in.gone:
            raise self.stand_in.Error("it went away")
        self.told.append((step, told))

    def finish(self):
        self.ended = True


class StandIn(ModuleType):
    """The module `wandb`."""

    class Error(Exception):
        """As there."""

    def __init__(self):
        super().__init__("wandb")
        self.runs, self.gone, self.refuses = [], False, False

    def init(self, **asked):
        if self.refuses:
            raise self.Error("no API key")
        self.runs.append(Run(self, **asked))
        return self.runs[-1]

    def Image(self, picture):
        return SimpleNamespace(shape=picture.shape)


@pytest.fixture
def wandb(monkeypatch):
    stand_in = StandIn()
    monkeypatch.setitem(sys.modules, "wandb", stand_in)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    return stand_in


def test_figures_and_pictures_arrive_with_their_step_and_a_run_that_goes_on_is_the_same_there(
    wandb, tmp_path
):
    (writer,) = build_writers(CONFIG, tmp_path, 0)
    writer.figures("train", 3, {"loss": 2.0})
    writer.picture("held out", 4, np.zeros((2, 3, 3), np.uint8))
    writer.close()
    (first,) = wandb.runs
    assert first.asked["project"] == "hcfss_jax" and first.asked["config"]["steps"] == 9
    (step, figures), (later, shown) = first.told
    assert (step, figures, later) == (3, {"train/loss": 2.0}, 4)
    assert shown["held out"].shape == (2, 3, 3) and first.ended
    build_writers(CONFIG, tmp_path, 3)
    assert wandb.runs[1].id == first.id and wandb.runs[1].asked["resume"] == "allow"


def test_a_project_of_the_environment_is_left_to_it(wandb, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    build_writers(CONFIG, tmp_path, 0)
    assert wandb.runs[0].asked["project"] is None


def test_what_goes_wrong_there_is_named(wandb, tmp_path, monkeypatch):
    (writer,) = build_writers(CONFIG, tmp_path, 0)
    wandb.gone = True
    with pytest.raises(OSError, match="went away"):  # a warning, and the run goes on
        writer.figures("train", 3, {"loss": 2.0})
    wandb.refuses = True
    with pytest.raises(BadConfig, match=r"no API key.*WANDB_MODE=offline"):
        build_writers(CONFIG, tmp_path, 0)
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(BadConfig, match="pip install wandb"):
        build_writers(CONFIG, tmp_path, 0)
