"""Timed seconds hold no compilation, and nothing is run more often than that takes."""

import time

import jax
import jax.numpy as jnp
import pytest

from eval.timing import timed


@pytest.fixture
def runs() -> list[float]:
    return []


def test_what_compiles_nothing_runs_once(runs):
    seconds, result = timed(lambda: runs.append(time.sleep(0.05)) or 7)
    assert result == 7 and len(runs) == 1 and 0.05 <= seconds < 1


def test_what_compiles_runs_again_and_the_later_run_counts(runs):
    @jax.jit
    def double(x):
        time.sleep(0.5)  # while it is traced, as a stand-in for a model that compiles for long
        return 2 * x

    def action() -> float:
        runs.append(1)
        return float(double(jnp.float32(3)))

    seconds, result = timed(action)
    assert result == 6 and len(runs) == 2 and seconds < 0.5


def test_what_compiles_each_time_comes_to_an_end(runs):
    def action() -> None:
        runs.append(1)
        jax.jit(lambda x: x + len(runs))(jnp.float32(1))

    timed(action)
    assert 1 < len(runs) < 10
