"""A small experiment on generated photos, which every test of training may change."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from configs.tcm import get_config
from tests.train.stand_in import FACTORY, NAME
from train.profile import Profile


@pytest.fixture(scope="session")
def photo_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight smooth 96x80 photos as PNG."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for index in range(8):
        coarse = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)
        photo = Image.fromarray(coarse).resize((80, 96), Image.Resampling.BICUBIC)
        photo.save(folder / f"photo{index}.png")
    return folder


@pytest.fixture
def config(photo_dir: Path) -> ConfigDict:
    """Six steps of the stand-in model on 64x64 crops."""
    config = get_config("tiny")
    with config.unlocked():
        config.model.name, config.model.factory = NAME, FACTORY
        config.model.overrides = ConfigDict({"width": 4})
    config.data.path = str(photo_dir)
    config.data.held_out = 2
    config.crop = config.eval_crop = 64
    config.batch_size = 2
    config.steps = 6
    config.warmup_steps = 2
    config.log_every = 2
    config.eval_every = 3
    config.eval_files = 0  # the stand-in cannot code
    return config


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Call with N to have SIGTERM arrive before the N-th step of the next run."""

    def arm(step: int) -> None:
        taken = 0

        def before(self: Profile, _: int) -> None:
            nonlocal taken
            taken += 1
            if taken == step:
                os.kill(os.getpid(), signal.SIGTERM)

        monkeypatch.setattr(Profile, "before", before)

    return arm
