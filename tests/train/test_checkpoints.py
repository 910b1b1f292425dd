"""Checkpoints on a disk that fails, and beside what a kill left."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.train.full_disk import full_disk
from train.checkpoints import Checkpoints
from train.errors import CannotSave

_STATE = {"vector": jnp.linspace(0.1, 1, 200_000), "count": jnp.int32(3)}
_LIKE = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), _STATE)


def test_what_was_saved_while_the_state_was_reused_is_what_was_there(tmp_path: Path) -> None:
    double = jax.jit(lambda tree: jax.tree.map(lambda leaf: 2 * leaf, tree), donate_argnums=0)
    state = jax.tree.map(jnp.copy, _STATE)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, state, {"examples": 7})
        for _ in range(20):
            state = double(state)
        checkpoints.wait()
        saved, data = checkpoints.restore(_LIKE)
    jax.tree.map(np.testing.assert_array_equal, saved, _STATE)
    assert data == {"examples": 7}


def test_a_full_disk_is_named_leaves_nothing_half_written_and_does_not_end_the_saving(
    tmp_path: Path,
) -> None:
    with Checkpoints(tmp_path) as checkpoints:
        told = pytest.raises(CannotSave, match="File too large.*is the disk full")
        with full_disk(100_000), told:
            checkpoints.save(1, _STATE, {})
            checkpoints.wait()
        assert list(tmp_path.iterdir()) == [] and checkpoints.latest_step() is None
        checkpoints.save(2, _STATE, {})
        checkpoints.wait()
        assert checkpoints.latest_step() == 2


def test_a_half_written_checkpoint_does_not_count_and_is_cleared(tmp_path: Path) -> None:
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, _STATE, {})
    (tmp_path / "1").rename(tmp_path / "2.orbax-checkpoint-tmp")
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.latest_step() is None
    assert list(tmp_path.iterdir()) == []


def test_who_only_reads_leaves_what_is_being_written(tmp_path: Path) -> None:
    half = tmp_path / "4.orbax-checkpoint-tmp"
    half.mkdir()
    with Checkpoints(tmp_path, saves=False):
        assert half.exists()
    with Checkpoints(tmp_path):
        assert not half.exists()
