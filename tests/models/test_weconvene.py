"""What is WeConvene's own: latents in the Haar domain, and a start as a wavelet packet all the way down."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.models import create_model
from hcfss_jax.models.subband_latent import Analysis, Synthesis
from tests.small_model import SMALL, photo, small_model, small_params

NAME = "weconvene-tiny"
LEVEL = jnp.zeros(1)
_NO_BLOCKS = {"blocks": (0, 0, 0), "decoder_blocks": (0, 0, 0)}


def test_high_subbands_that_do_not_fit_the_low_one_are_refused_with_what_does():
    with pytest.raises(ValueError, match="of 18 channels, and LL's are of 8: make them 24"):
        create_model(NAME, **SMALL[NAME] | {"slices": (4, 4)})


def test_high_frequencies_are_predicted_from_the_low_ones_and_not_the_other_way():
    model = small_model(NAME).bind({"params": small_params(0, NAME)})
    x = jnp.asarray(photo(64, 128)[None] / 255.0, jnp.float32)
    latents = model.analyse(x, LEVEL)
    hyper = model.refine(0, LEVEL, (), None, jnp.round(latents["z"]))
    lows = len(model.config.slices)
    low = [step.part(latents) for step in model.plan[1 : lows + 1]]
    means = [
        model.predict(1 + lows, LEVEL, (hyper, *parts)).distribution.mean
        for parts in (low, [low[0] + 1, *low[1:]])
    ]
    assert means[0].shape == (1, 4, 8, model.plan[1 + lows].channels)
    assert np.any(means[0] != means[1])
    assert {step.latent for step in model.plan[: lows + 1]} == {"z", "y_low"}


def test_it_starts_as_an_orthonormal_transform_and_its_inverse():
    """With room for every subband, and blocks that begin silent, what comes out is what went in."""
    every = {
        "widths": (4, 12, 48),
        "decoder_widths": (12, 48, 200),
        "slices": (192,),
        "high_slices": (576,),
    }
    config = create_model(NAME, **SMALL[NAME] | every | _NO_BLOCKS).config
    g_a, g_s = Analysis(config, pytest.fail), Synthesis(config, pytest.fail)
    x = jnp.asarray(photo(32, 48)[None] / 255.0, jnp.float32)
    y, _ = jax.jit(g_a.init_with_output)(jax.random.key(0), x, LEVEL)
    x_hat, _ = jax.jit(g_s.init_with_output)(jax.random.key(0), y, LEVEL)
    np.testing.assert_allclose(np.sum(y**2), np.sum(x**2), rtol=1e-4)
    np.testing.assert_allclose(x_hat, x, atol=1e-5)
