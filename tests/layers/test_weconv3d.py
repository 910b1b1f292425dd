"""The inside of 3DM-WeConv against the W3 transform written out, and what it cannot take."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.errors import InvalidInput
from hcfss_jax.layers import GDN, SubbandConv3D, Wavelet3D, conv
from hcfss_jax.ops import lift, reference

KEY = jax.random.key(0)


def maps(*shape):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


def drawn(layer, x):
    """Parameters as after training: no kernel is 0."""
    rng = np.random.default_rng(1)
    shapes = jax.eval_shape(layer.init, KEY, x)["params"]
    return jax.tree.map(lambda leaf: jnp.asarray(0.3 + 0.1 * rng.normal(size=leaf.shape)), shapes)


@pytest.mark.parametrize("channels", [4, 5])
def test_each_half_and_each_level_has_a_net_of_its_own_and_low_frequencies_a_wide_one(channels):
    """Written out by one-dimensional wavelets, an axis after the other."""
    x = maps(1, 8, 12, channels)
    layer = SubbandConv3D()
    params = drawn(layer, x)

    def mixed(name, kernel, *parts):
        y = jnp.concatenate(parts, axis=-1)
        y = conv(y.shape[-1], kernel).apply({"params": params[f"{name}_conv"]}, y)
        y = GDN().apply({"params": params[f"{name}_gdn"]}, y)
        return jnp.split(y, len(parts), axis=-1)

    def wanted(half):
        """Of one half of the channels: LL2; LH2, HL2, HH2; LH1, HL1, HH1."""
        low = lift(x, "5/3", 3)["lh".index(half)]
        details = []
        for _ in range(2):
            top, bottom = lift(low, "5/3", 1)
            (low, hl), (lh, hh) = lift(top, "5/3", 2), lift(bottom, "5/3", 2)
            details.append((lh, hl, hh))
        found = [*mixed(f"low_{half}", 3, low)]
        for level in (2, 1):
            found += mixed(f"level{level}_{half}", 1, *details[level - 1])
        return found

    y = layer.apply({"params": params}, x)
    for half in "lh":
        low = reference.lift(y, "5/3", 3)["lh".index(half)]
        found = []
        for _ in range(2):
            top, bottom = reference.lift(low, "5/3", 1)
            (low, hl), (lh, hh) = (reference.lift(part, "5/3", 2) for part in (top, bottom))
            found = [lh, hl, hh, *found]
        for ours, theirs in zip([low, *found], wanted(half), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=2e-5)


@pytest.mark.parametrize("channels", [4, 7])
@pytest.mark.parametrize("how", [("9/7", "repo"), ("haar", "standard")])
def test_bands_as_channels_come_back(channels, how):
    x = maps(2, 6, 10, channels)
    bands = Wavelet3D(*how).apply({}, x)
    assert bands.shape == (2, 3, 5, 4 * channels)
    low = np.concatenate(reference.lift(x, how[0], 3, how[1]), axis=3)
    low = reference.lift(reference.lift(low, how[0], 1)[0], how[0], 2)[0]
    np.testing.assert_allclose(bands[..., :channels], low, atol=1e-5)
    back = Wavelet3D(*how, inverse=True).apply({}, bands)
    np.testing.assert_allclose(back, x, atol=5e-6)


def test_sides_that_have_no_such_levels_are_named():
    with pytest.raises(InvalidInput, match=r"SubbandConv3D .* multiples of 8, not 8x12"):
        SubbandConv3D(levels=3).init(KEY, maps(1, 8, 12, 4))
