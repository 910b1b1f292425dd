"""What is the two-branch codec's own: the order of its latents, and a start as one wavelet packet over both."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.models import create_model
from hcfss_jax.models.twobranch import CoarseAnalysis, FineAnalysis, Synthesis
from tests.small_model import SMALL, photo, small_model, small_params

NAME = "twobranch-tiny"
LEVEL = jnp.zeros(1)


def test_the_coarse_latent_is_predicted_from_the_fine_one_and_not_the_other_way():
    model = small_model(NAME).bind({"params": small_params(0, NAME)})
    plan = model.plan
    latents = model.analyse(jnp.asarray(photo(128, 256)[None] / 255.0, jnp.float32), LEVEL)
    assert {name: y.shape[1:3] for name, y in latents.items()} == {
        "z_h": (2, 4),
        "y_h": (8, 16),
        "z_l": (1, 2),
        "y_l": (4, 8),
    }
    z_l = [step.latent for step in plan].index("z_l")
    assert {step.latent for step in plan[:z_l]} == {"z_h", "y_h"}
    fine = [jnp.round(step.part(latents)) for step in plan[:z_l]]

    def mean(*y_h):
        """Of the first slice of y_l."""
        hyper = model.refine(z_l, LEVEL, (None, *y_h), None, jnp.round(latents["z_l"]))
        return model.predict(z_l + 1, LEVEL, (None, *y_h, hyper)).distribution.mean

    plain, moved = mean(*fine[1:]), mean(fine[1] + 1, *fine[2:])
    assert plain.shape == (1, 4, 8, plan[z_l + 1].channels)
    assert np.all(plain != moved)


def test_it_starts_as_an_orthonormal_transform_and_its_inverse():
    """With room for every subband, and without blocks, what comes out is what went in."""
    every = {
        "widths": (12, 48, 192),
        "blocks": (0, 0, 0),
        "slices": (760,),
        "coarse_widths": (12, 48, 64, 16),
        "coarse_blocks": (0, 0, 0, 0),
        "coarse_slices": (32,),
        "raised_width": 20,
        "joined_width": 768,
    }
    c = create_model(NAME, **SMALL[NAME] | every).config
    fine, coarse = FineAnalysis(c, pytest.fail), CoarseAnalysis(c.coarse, pytest.fail)
    x = jnp.asarray(photo(64, 32)[None] / 255.0, jnp.float32)
    key = jax.random.key(0)
    y_h, y_l = (jax.jit(g_a.init_with_output)(key, x, LEVEL)[0] for g_a in (fine, coarse))
    x_hat, _ = jax.jit(Synthesis(c, pytest.fail).init_with_output)(key, y_h, y_l, LEVEL)
    np.testing.assert_allclose(np.sum(y_h**2) + np.sum(y_l**2), np.sum(x**2), rtol=1e-4)
    assert np.sum(y_l**2) > 0.9 * np.sum(x**2)
    np.testing.assert_allclose(x_hat, x, atol=1e-5)
