"""What is S2LIC's own: the other colour first, corrected twice; contexts; its start and its stochastic depth."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.entropy.acgc import Anchors
from hcfss_jax.entropy.plan import on_lattice, only_on
from hcfss_jax.layers.drop_path import branch_factors
from hcfss_jax.models import create_model
from tests.golden.formula import HERE
from tests.small_model import SMALL, photo, small_model, small_params

NAME = "s2lic-tiny"
LEVEL = jnp.zeros(1)
RNG = np.random.default_rng(0)
HYPER = jnp.asarray(RNG.normal(size=(1, 4, 6, 8)), jnp.float32)
PARTS = [jnp.asarray(RNG.normal(size=(1, 4, 6, 4)), jnp.float32) for _ in range(3)]


def bound(**fields):
    model = create_model(NAME, **SMALL[NAME] | fields)
    return model.bind({"params": small_params(0, NAME)})


def test_the_first_pass_codes_what_the_original_calls_anchors():
    """Not the top left position; each row of a pass is packed to half its width there."""
    recorded = np.load(HERE / "s2lic_modules.npz")
    x = recorded["ckbd_mlic/x"][0]
    _, first, second, *_ = small_model(NAME).plan
    for step, name in ((first, "anchor"), (second, "nonanchor")):
        sent = on_lattice(step.lattice, *x.shape[1:])
        np.testing.assert_array_equal(x * sent, recorded[f"ckbd_mlic/{name}"][0])
        rows = zip(x.transpose(1, 0, 2), sent, strict=True)
        packed = np.stack([row[:, here] for row, here in rows], axis=1)
        np.testing.assert_array_equal(packed, recorded[f"ckbd_mlic/{name}_packed"][0])


@functools.cache
def coded_slice(**fields):
    """(first prediction, what it left, second prediction, its slice) of the second slice."""
    model = bound(**fields)

    @jax.jit
    def run(hyper, parts):
        known = (hyper, None, parts[0])
        first = model.predict(3, LEVEL, known)
        anchors = model.refine(3, LEVEL, known, first.features, only_on("odd", parts[1]))
        known = (*known, anchors)
        second = model.predict(4, LEVEL, known)
        whole = model.refine(4, LEVEL, known, second.features, only_on("even", parts[2]))
        return first, anchors, second, whole

    return run(HYPER, PARTS)


def test_each_pass_corrects_what_it_coded_and_nothing_else():
    _, anchors, _, whole = coded_slice()
    assert isinstance(anchors, Anchors)
    odd = on_lattice("odd", 4, 6)[None, ..., None]
    first = np.where(odd, anchors.values - PARTS[1], 0)
    np.testing.assert_array_equal(np.where(odd, 0, anchors.values), 0)
    np.testing.assert_array_equal(np.where(odd, whole - anchors.values, 0), 0)
    second = np.where(odd, 0, whole - PARTS[2])
    # Half a tanh at most, by nets of their own.
    for rest, here in ((first, odd), (second, ~odd)):
        assert 0 < np.max(np.abs(rest)) < 0.5 and np.all(np.any(rest != 0, axis=-1) == here[..., 0])


@pytest.mark.parametrize("anchor_context", [False, True])
def test_anchors_tell_the_second_pass_where_a_field_asks_for_it_alone(anchor_context):
    model = create_model(NAME, **SMALL[NAME], anchor_context=anchor_context)
    shapes = jax.eval_shape(model.init, jax.random.key(0), *_batch())
    rng = np.random.default_rng(1)
    variables = jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape), jnp.float32), shapes)

    def second(model, moved):
        known = (HYPER, None, PARTS[0])
        first = model.predict(3, LEVEL, known)
        anchors = Anchors(only_on("odd", PARTS[1] + moved), first.features)
        return model.predict(4, LEVEL, (*known, anchors)).distribution

    run = jax.jit(functools.partial(model.apply, method=second))
    there, moved = run(variables, 0.0), run(variables, 1.0)
    assert np.any(there.mean != moved.mean) == anchor_context
    assert np.any(there.log_scale != moved.log_scale) == anchor_context


def _batch():
    x = jnp.asarray(photo(64, 64)[None] / 255.0, jnp.float32)
    return x, LEVEL, jax.random.split(jax.random.key(0), 1)


def test_what_contexts_tell_is_of_the_slices_before_and_0_without_them():
    first, *_ = coded_slice()
    wide, narrow = first.features.told
    assert wide.shape[-1] == 8 and narrow.shape[-1] == 4
    assert np.any(wide) and np.any(narrow)
    without, *_ = coded_slice(contexts=False)
    assert not any(np.any(told) for told in without.features.told)
    assert np.any(without.distribution.mean != first.distribution.mean)


def test_scales_start_at_about_1_where_the_least_one_does_not_hold_them():
    model = small_model(NAME)
    first = functools.partial(model.init_with_output, method="predict")
    prediction, _ = jax.jit(first, static_argnums=1)(jax.random.key(0), 1, LEVEL, (0 * HYPER,))
    found = prediction.distribution
    np.testing.assert_array_equal(found.log_scale, 0)
    np.testing.assert_array_equal(found.mean, 0)


def test_it_starts_as_an_orthonormal_transform_and_its_inverse():
    every = {"widths": (12, 48, 192), "slices": (384, 384), "blocks": (1, 0, 1), "mlp_ratio": 1}
    model = create_model(NAME, **SMALL[NAME] | every)
    x = jnp.asarray(photo(32, 32)[None] / 255.0, jnp.float32)

    def there_and_back(model, x, level, keys):
        y = model.g_a(x, level)
        return y, model.g_s(y, level)

    run = jax.jit(functools.partial(model.init_with_output, method=there_and_back))
    (y, x_hat), _ = run(jax.random.key(0), x, *_batch()[1:])
    np.testing.assert_allclose(np.sum(y**2), np.sum(x**2), rtol=1e-4)
    np.testing.assert_allclose(x_hat, x, atol=1e-5)


def test_stochastic_depth_rises_as_in_the_code_that_its_groups_are_from(monkeypatch):
    """Eight rates: g_a takes the first six, g_s the last; in training only."""
    asked = {}

    def record(rates, place):
        asked[place] = rates
        return branch_factors(rates, place)

    monkeypatch.setattr("hcfss_jax.layers.residual_group.branch_factors", record)
    model = create_model("s2lic-base", contexts=False)
    jax.eval_shape(model.init, jax.random.key(0), *_batch())
    rise = np.linspace(0, 0.1, 8)
    for transform, order, rates in (("g_a", (1, 2, 3), rise[:6]), ("g_s", (3, 2, 1), rise[2:])):
        groups = [asked[f"{transform}/group{i}"] for i in order]
        assert [len(group) for group in groups] == list(order)
        np.testing.assert_allclose(np.concatenate(groups), rates)


def test_a_last_width_of_h_s_that_has_no_halves_is_refused():
    with pytest.raises(ValueError, match=r"hyper_features=\(4, 6, 7\): the last is made of two"):
        create_model(NAME, **SMALL[NAME] | {"hyper_features": (4, 6, 7)})
