"""What is the octave codec's own: its order, its readings, and a start as one wavelet packet over both resolutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.models import create_model
from hcfss_jax.models.octave import Analysis, Synthesis
from hcfss_jax.weights.parameters import parameter_shapes
from tests.small_model import SMALL, photo, small_model, small_params

NAME = "octave-tiny"
LEVEL = jnp.zeros(1)


def small(**fields):
    return create_model(NAME, **SMALL[NAME] | fields)


def test_high_resolutions_are_predicted_from_low_ones_and_nothing_from_what_comes_after():
    model = small_model(NAME).bind({"params": small_params(0, NAME)})
    latents = model.analyse(jnp.asarray(photo(128, 256)[None] / 255.0, jnp.float32), LEVEL)
    order = [step.latent for step in model.plan]
    assert order == ["z2_h", "z2_l", "z_l", "z_h", "y_l", "y_h"]
    assert [latents[name].shape[1:3] for name in order] == [
        (2, 4),
        (1, 2),
        (1, 2),
        (2, 4),
        (4, 8),
        (8, 16),
    ]

    def means(moved: str):
        """Of each Gaussian, with a latent rounded to other values."""
        decoded, found = (), {}
        for step, latent in enumerate(order):
            prediction = model.predict(step, LEVEL, decoded)
            found[latent] = getattr(prediction.distribution, "mean", None)
            value = jnp.round(latents[latent]) + (latent == moved)
            decoded = (*decoded, model.refine(step, LEVEL, decoded, None, value))
        return found

    plain = means("")
    for moved, feels in {
        "z2_h": {"z_l", "z_h", "y_l", "y_h"},
        "z_l": {"z_h", "y_l", "y_h"},
        "z_h": {"y_l", "y_h"},
        "y_l": {"y_h"},
    }.items():
        changed = means(moved)
        assert {name for name in order[2:] if np.any(changed[name] != plain[name])} == feels


def test_each_reading_has_the_parameters_that_it_says():
    usual, one, before, apart = (
        {*parameter_shapes(small(**fields))}
        for fields in ({}, {"one_gdn": True}, {"gotconv_pre_activation": True}, {"share_l": False})
    )
    assert "g_a.down2.gdn_h.beta" in usual and "g_a.down2.gdn_l.beta" in usual
    assert "g_a.down2.gdn.beta" in one and len(one) < len(usual)
    assert not [name for name in before if name.startswith("g_s.up1.gdn")]
    assert "g_s.up4.gdn_hh.beta" in before and "g_s.up4.gdn_h.beta" not in usual
    assert apart - usual == {
        name.replace("both", kind)
        for name in usual - apart
        for kind in ("mean", "scale")
        if "both" in name
    }
    with pytest.raises(ValueError, match="filters=15: half of them"):
        small(filters=15)


def test_a_pre_activated_decoder_and_a_shared_gdn_compute_pictures():
    model = small(one_gdn=True, gotconv_pre_activation=True, share_l=False)
    x, keys = jnp.full((1, 128, 128, 3), 0.5), jax.random.split(jax.random.key(0), 1)
    out = jax.eval_shape(model.init_with_output, keys[0], x, LEVEL, keys)[0]
    assert out.x_hat.shape == x.shape and out.features["infidelity"].shape == (1,)


def test_it_starts_as_a_projection_onto_orthonormal_pictures():
    """Where GDNs are 1: what is lost is what latents lack, none of it twice, and that is little."""
    c = small(filters=48).config
    x = jnp.asarray(photo(64, 96)[None] / 255.0, jnp.float32)
    g_a, g_s, key = Analysis(c), Synthesis(c), jax.random.key(0)

    def linear(path, leaf):
        return jnp.zeros_like(leaf) if path[-1].key == "gamma" else leaf

    def run(transform, *inputs):
        params = jax.tree_util.tree_map_with_path(linear, transform.init(key, *inputs))
        return transform.apply(params, *inputs)

    y = jax.jit(lambda x: run(g_a, x))(x)
    x_hat = jax.jit(lambda *y: run(g_s, *y))(*y)
    energy, kept = jnp.sum((x - 0.5) ** 2), sum(jnp.sum(latent**2) for latent in y)
    lost = jnp.sum((x_hat - x) ** 2)
    np.testing.assert_allclose(lost, energy - kept, rtol=1e-3)
    assert lost < 0.1 * energy
