"""What the training bench prints of an experiment."""

import pytest

from train.bench import measure
from train.errors import BadConfig
from train.mesh import make_mesh


def test_the_bench_times_the_start_and_the_steps_of_an_experiment(config, capsys):
    measure(config, make_mesh(), steps=2, peak=1.0, bandwidth=1.0)
    figures = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert {"compile it", "temporary memory", "draw parameters"} < figures.keys()
    for name in ("step", "images a second", "share of peak", "share of bandwidth"):
        assert float(figures[name].split()[0].rstrip("%,").replace(",", "")) > 0, name


def test_the_bench_refuses_what_training_would(config):
    config.batch_size = 0
    with pytest.raises(BadConfig, match="batch_size"):
        measure(config, make_mesh(), steps=1)
