"""Wavelets against recorded outputs: of the authors' code for channels, of PyWavelets, and of a second hand."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.layers import Wavelet3D
from hcfss_jax.ops import inverse_lift, inverse_wavelet_3d, lift, wavelet_2d, wavelet_3d
from hcfss_jax.ops.wavelet_3d import Pyramid, wavelet_channels
from tests.golden.formula import HERE

DATA = dict(np.load(HERE / "weconvene3d_modules.npz"))
RECORD = json.loads((HERE / "weconvene3d_modules.json").read_text())
NAMES = {"97": "9/7", "53": "5/3", "haar": "haar"}
# Of what float64 gave: sums of up to a hundred float32 terms of about 1.
CLOSE = {"rtol": 0, "atol": 1e-5}


def channels_last(name: str) -> np.ndarray:
    return DATA[name].transpose(0, 2, 3, 1)


@pytest.mark.parametrize("kind", ["97", "53"])
def test_with_neighbours_of_the_authors_channels_are_taken_apart_as_by_their_code(kind):
    name, tolerance = NAMES[kind], 10 * RECORD[f"chdwt_{kind}"]["max_abs_f32_f64"]
    found = lift(channels_last(f"chdwt_{kind}/x"), name, -1, "repo")
    for part, of in zip(found, ("low", "high"), strict=True):
        wanted = channels_last(f"chdwt_{kind}/{of}")
        np.testing.assert_allclose(part, wanted, rtol=0, atol=tolerance)
    x = channels_last(f"chdwt_{kind}/x")
    np.testing.assert_allclose(
        wavelet_channels(jnp.asarray(x), name, "repo"), jnp.concatenate(found, -1), **CLOSE
    )


@pytest.mark.parametrize("kind", ["97", "53"])
def test_with_neighbours_of_the_authors_channels_come_back_as_by_their_code(kind):
    given, tolerance = f"chdwt_{kind}_inv", 10 * RECORD[f"chdwt_{kind}_inv"]["max_abs_f32_f64"]
    low, high = (channels_last(f"{given}/{of}") for of in ("low", "high"))
    found = inverse_lift(low, high, NAMES[kind], -1, "repo")
    np.testing.assert_allclose(found, channels_last(f"{given}/y"), rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", ["97", "53"])
def test_with_standard_neighbours_a_signal_is_taken_apart_as_recorded(kind):
    found = lift(DATA[f"lift_std_{kind}/x"], NAMES[kind], -1)
    for part, of in zip(found, ("low", "high"), strict=True):
        np.testing.assert_allclose(part, DATA[f"lift_std_{kind}/{of}"], **CLOSE)


@pytest.mark.parametrize(
    "kind, name, high",
    [
        # 5/3 has no gains: sqrt(1/2) of PyWavelets' low frequencies, and -sqrt(2) of its high ones.
        ("bior44", "9/7", -1.0),
        ("bior22", "5/3", -(2**0.5)),
        ("haar", "haar", 1.0),
    ],
)
def test_a_map_is_taken_apart_as_by_pywavelets_but_for_factors(kind, name, high):
    low = 2**-0.5 if name == "5/3" else 1.0
    found = wavelet_2d(channels_last(f"pywt2d_{kind}/x"), name)
    factors = (low * low, low * high, low * high, high * high)
    for band, factor, theirs in zip(found, factors, ("cA", "cH", "cV", "cD"), strict=True):
        wanted = factor * channels_last(f"pywt2d_{kind}/{theirs}")
        np.testing.assert_allclose(band, wanted, **CLOSE)


@pytest.mark.parametrize("kind", NAMES)
def test_channels_and_two_levels_of_space_are_those_recorded(kind):
    x = jnp.asarray(channels_last(f"dwt3d_{kind}/x"))

    def recorded(level, *bands):
        return [
            np.concatenate([channels_last(f"dwt3d_{kind}/{half}{level}{b}") for half in "LH"], -1)
            for b in bands
        ]

    details = tuple(tuple(recorded(level, "LH", "HL", "HH")) for level in (2, 1))
    (low,) = recorded(2, "LL")
    found = wavelet_3d(x, NAMES[kind], 2)
    for ours, theirs in zip(
        (found.low, *found.details[0], *found.details[1]),
        (low, *details[0], *details[1]),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, **CLOSE)
    back = inverse_wavelet_3d(Pyramid(low, details), NAMES[kind])
    np.testing.assert_allclose(back, x, **CLOSE)
    one = Wavelet3D(NAMES[kind]).apply({}, x)
    (wanted,) = recorded(1, "LL")
    np.testing.assert_allclose(one[..., : x.shape[-1]], wanted, **CLOSE)
