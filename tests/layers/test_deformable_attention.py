"""Deformable attention: what it reads of a map, and that large maps are a matter of memory alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.ops import read_nearby
from tests.golden.formula import HERE


def read_by_index(x, at):
    """The plain twin: bilinear between the four positions around each of `at`, 0 outside."""
    height, width, channels = x.shape
    out = np.zeros((*at.shape[:2], channels))
    for place in np.ndindex(at.shape[:2]):
        top, left = np.floor(at[place]).astype(int)
        for i in (top, top + 1):
            for j in (left, left + 1):
                if 0 <= i < height and 0 <= j < width:
                    share = (1 - abs(at[place][0] - i)) * (1 - abs(at[place][1] - j))
                    out[place] += share * x[i, j]
    return out


@pytest.mark.parametrize("height, width", [(5, 7), (1, 2), (4, 4)])
def test_a_map_is_read_between_its_positions_as_by_index(height, width):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, height, width, 3))
    offset = rng.uniform(-1, 2, (2, height, width, 2))
    offset[0, 0, 0] = (-1, 2)  # the farthest
    offset[0, 0, 1] = (0, 1)  # positions themselves
    at = offset + np.moveaxis(np.indices((height, width)), 0, -1)
    found = jax.jit(read_nearby)(jnp.asarray(x, jnp.float32), jnp.asarray(offset, jnp.float32))
    wanted = np.stack([read_by_index(*one) for one in zip(x, at, strict=True)])
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_no_sample_of_the_original_lies_farther_than_can_be_read():
    """Its positions are recorded in [-1, 1], from the first pixel's middle to the last one's."""
    recorded = np.load(HERE / "s2lic_modules.npz")["dattn_nope/pos"][0, 0]
    height, width = recorded.shape[:2]
    at = (recorded + 1) / 2 * (np.array([height, width]) - 1)
    offset = at - np.moveaxis(np.indices((height, width)), 0, -1)
    assert np.all(np.abs(offset - 0.5) < 1)
    assert np.ptp(offset) > 0.1
