"""What is 3DM-WeConvene's own: wavelets as a choice, groups of high frequencies, its two phases."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs.weconvene3d import get_config
from hcfss_jax.entropy import noise_and_straight_through, run_steps
from hcfss_jax.entropy.equal_steps import run_equal_steps
from hcfss_jax.errors import InvalidInput
from hcfss_jax.layers.area import only_within
from hcfss_jax.models import create_model
from hcfss_jax.models.subband_latent import Analysis, Synthesis
from hcfss_jax.ops import wavelet_3d
from tests.small_model import SMALL, photo, small_model, small_params
from train.objective import rate_distortion_of

NAME = "weconvene3d-tiny"
LEVEL = jnp.zeros(1)
X = jnp.asarray(photo(64, 128)[None] / 255.0, jnp.float32)


@functools.cache
def encoded():
    """Latents of a picture, what g_a and h_s made for them, and the gains."""

    def run(model, x):
        latents = model.analyse(x, LEVEL)
        hyper = model.refine(0, LEVEL, (), None, jnp.round(latents["z"]))
        return latents, hyper, model.g_a(x, LEVEL), model.gain_y(LEVEL)

    model, variables = small_model(NAME), {"params": small_params(0, NAME)}
    return jax.jit(lambda x: model.apply(variables, x, method=run))(X)


def test_each_group_of_high_frequencies_sees_all_low_ones_and_the_groups_before():
    model, (latents, hyper, *_) = small_model(NAME), encoded()
    lows = len(model.config.slices)
    parts = [step.part(latents) for step in model.plan[1:]]
    variables = {"params": small_params(0, NAME)}

    @functools.partial(jax.jit, static_argnums=0)
    def mean(step, before):
        given = variables, step, LEVEL, (hyper, *before)
        return model.apply(*given, method="predict").distribution.mean

    for step in range(1 + lows, len(model.plan)):
        before = parts[: step - 1]
        plain = mean(step, before)
        assert plain.shape == (1, 4, 8, sum(model.config.slices))
        for changed in range(step - 1):
            moved = [part + (i == changed) for i, part in enumerate(before)]
            assert np.any(mean(step, moved) != plain)
    assert [step.latent for step in model.plan] == ["z", *["y_low"] * lows, *["y_high"] * 3]


def test_latents_are_the_bands_of_what_g_a_makes_low_ones_first():
    latents, _, y, gain = encoded()
    low, details = jax.jit(wavelet_3d, static_argnums=1)(y, "5/3")
    bands = jnp.concatenate([low, *details[0]], axis=-1)
    found = jnp.concatenate([latents["y_low"], latents["y_high"]], axis=-1)
    assert latents["y_low"].shape == low.shape
    np.testing.assert_allclose(found, bands * gain, rtol=1e-4, atol=1e-4)


def test_it_starts_as_a_wavelet_packet_whatever_the_wavelet_of_channels():
    """What comes out of W3 is what WeConvene starts with, and g_s makes of it what went in."""
    every = {
        "widths": (4, 12, 48),
        "decoder_widths": (12, 48, 200),
        "slices": (192,),
        "high_slices": (576,),
        "blocks": (0, 0, 0),
        "decoder_blocks": (0, 0, 0),
        "wavelet": "9/7",
        "neighbours": "repo",
    }
    model = create_model(NAME, **SMALL[NAME] | every)
    g_a, g_s = (
        part(model.config, pytest.fail, subbands=model.subbands()) for part in (Analysis, Synthesis)
    )
    x = jnp.asarray(photo(32, 48)[None] / 255.0, jnp.float32)
    y, _ = jax.jit(g_a.init_with_output)(jax.random.key(0), x, LEVEL)
    packet = y @ model.config.channel_transform()
    np.testing.assert_allclose(np.sum(packet**2), np.sum(x**2), rtol=1e-4)  # orthonormal
    x_hat, _ = jax.jit(g_s.init_with_output)(jax.random.key(0), y, LEVEL)
    np.testing.assert_allclose(x_hat, x, atol=1e-5)


def test_a_level_more_in_the_hyperprior_takes_sides_that_have_it():
    fields = SMALL[NAME]
    assert [
        create_model(NAME, **fields, **levels).multiple
        for levels in ({}, {"hyper_wavelet_levels": 2}, {"wavelet_levels": 5})
    ] == [64, 128, 128]
    model = create_model(NAME, **fields, hyper_wavelet_levels=2)
    out = jax.eval_shape(
        lambda x: model.init_with_output(jax.random.key(0), x, LEVEL, method="evaluate")[0],
        jnp.zeros((1, 128, 256, 3)),
    )
    assert out.x_hat.shape == (1, 128, 256, 3)


@pytest.mark.parametrize(
    "fields, says",
    [
        ({"wavelet": "4/3"}, "wavelet='4/3': choose one of"),
        ({"wavelet": "haar", "neighbours": "repo"}, "neighbours='repo' is of 5/3 and 9/7"),
        ({"wavelet_levels": 0}, "wavelet_levels=0: 1 is the least"),
        ({"slices": (4, 4)}, "of 18 channels, and LL's are of 8: make them 24"),
    ],
)
def test_fields_that_make_no_model_are_named(fields, says):
    with pytest.raises((InvalidInput, ValueError), match=says):
        create_model(NAME, **SMALL[NAME] | fields)


def test_pictures_in_larger_arrays_code_as_in_their_own():
    """The sides of an area are where the wavelets close their circle, in every transform of the model."""
    model = create_model(NAME, **SMALL[NAME] | {"wavelet": "9/7"})
    variables = {"params": small_params(0, NAME)}
    larger = jnp.pad(X, ((0, 0), (0, 64), (0, 64), (0, 0)), mode="reflect")

    @functools.partial(jax.jit, static_argnums=0)
    def picture(area, x):
        if area is None:
            return model.apply(variables, x, LEVEL, method=shown)
        with only_within(jnp.asarray(area), x.shape[1:3]):
            return model.apply(variables, x, LEVEL, method=shown)

    def shown(module, x, level):
        latents = module.analyse(x, level)
        y = jnp.concatenate([latents["y_low"], latents["y_high"]], axis=-1)
        return y, module.synthesise((None, y), level)

    (y, x_hat), (wanted_y, wanted) = picture((64, 128), larger), picture(None, X)
    np.testing.assert_allclose(y[:, :4, :8], wanted_y, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(x_hat[:, :64, :128], wanted, rtol=1e-3, atol=1e-3)


def test_the_second_phase_weighs_low_and_high_rates_apart_and_starts_from_the_first():
    first, second = get_config("tiny"), get_config("tiny,phase=weighed")
    assert first.rate_weights == () and first.model == second.model
    weights = rate_distortion_of(second).rate_weights
    assert weights["y_low"] != weights["y_high"]
    assert weights.keys() < {step.latent for step in small_model(NAME).plan}
    assert second.learning_rate == 1e-5 and second.steps < first.steps
    with pytest.raises(ValueError, match="phase=third: use one of first, rounded, weighed"):
        get_config("tiny,phase=third")


def test_groups_as_one_loop_are_coded_as_one_by_one():
    """So that the paper's size compiles them once; what is known of a group grows from one to the next."""
    model = create_model(NAME, **SMALL[NAME])
    params = small_params(0, NAME)
    keys = jax.random.split(jax.random.key(0), 1)
    latents = {name: encoded()[0][name] for name in ("z", "y_low", "y_high")}

    def one_by_one(module):
        quantise = noise_and_straight_through(keys, model.plan, latents)
        return run_steps(module, LEVEL, quantise)

    plain = jax.jit(lambda p: model.apply({"params": p}, method=one_by_one)).lower(params)
    looped = jax.jit(lambda p: run_equal_steps(model, p, LEVEL, keys, latents)).lower(params)
    wanted, found = (program.compile()(params) for program in (plain, looped))
    for ours, theirs in zip(*map(jax.tree.leaves, (found, wanted)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)  # sums in another order
    counts = [program.as_text().count("convolution(") for program in (plain, looped)]
    nets = 3 * 3  # of a group: for mean, scale and the rest, of three convolutions each
    assert counts[0] - counts[1] == 2 * nets
