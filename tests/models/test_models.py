"""What holds of every model: shapes, sizes, and that training, evaluation and coding are one computation."""

import dataclasses
import functools
import math
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax.entropy import rounding, run_steps
from hcfss_jax.errors import UnknownModel
from hcfss_jax.layers.area import silent_layers
from hcfss_jax.models import create_model, model_names, restore_model
from hcfss_jax.weights.parameters import parameter_shapes
from tests.small_model import NAME, SMALL, photo, random_params, small_model, small_params

LEVELS = jnp.asarray([0.0, 6.5])
KEYS = jax.random.split(jax.random.key(0), 2)

# On CPU, and nowhere else, XLA drops the barriers around what is computed again, and merges it with the first time. And
# without its optimisation a gradient compiles in half the time.
OPTIONS = {"xla_disable_hlo_passes": "cse_barrier_expander", "xla_backend_optimization_level": 0}


@pytest.fixture(scope="module", params=SMALL)
def name(request) -> Iterator[str]:
    """A small model of each family, one after the other; its programs are let go of, as `conftest` tells why."""
    yield request.param
    for kept in (evaluated, training_pass, gradient_program):
        kept.cache_clear()
    jax.clear_caches()


@functools.cache
def images(model, count: int = 2) -> jax.Array:
    """Pictures as a model takes them, no larger than need be, `[count, H, W, 3]`."""
    height, width = (max(side, model.multiple) for side in (64, 128))
    stack = np.stack([photo(height, width, seed) for seed in range(count)])
    return jnp.asarray(stack / 255.0, jnp.float32)


BATCH = images(small_model())


@functools.cache
def parameter_count(name: str) -> int:
    return sum(map(math.prod, parameter_shapes(create_model(name)).values()))


@pytest.mark.parametrize(
    "name, limit",
    [
        ("hcfssnet-tiny", 4e6),
        ("hcfssnet-small", 12e6),
        ("hcfssnet-base", 158e6),
        ("tcm-tiny", 2.5e6),
        ("csm-tiny", 2.5e6),
        ("cmamba-tiny", 2.5e6),
        ("weconvene-tiny", 2.5e6),
        ("weconvene3d-tiny", 2.5e6),
        ("mambaic-tiny", 2.5e6),
        ("twobranch-tiny", 2.5e6),
        ("octave-tiny", 2.5e6),
        ("elic-tiny", 2.5e6),
        ("hscatb-tiny", 2.5e6),
        ("hscatb-base", 21e6),
        ("s2lic-tiny", 2.5e6),
        ("swinv2-tiny", 2.5e6),
        ("swinv2-base", 10e6),
        ("s2lic-base", 74.26e6),  # with batch norms, which are folded here, it would be this much
        ("cmamba-base", 56.2e6),  # 48.2 % of MLIC++'s 116.5 M, as the paper says
    ],
)
def test_every_size_can_be_made_and_keeps_its_promise(name, limit):
    assert name in model_names()
    assert 0.1 * limit < parameter_count(name) <= limit


@pytest.mark.parametrize(
    "name, count",
    [
        ("tcm-n64", 45_180_752),
        ("tcm-n128", 76_568_148),
        ("csm-base", 82_878_980),
        ("weconvene-base", 107_147_148),
        ("mambaic-base", 123_805_667),
        ("elic-base", 33_792_771),
    ],
)
def test_what_can_be_ported_is_as_large_as_its_original(name, count):
    assert parameter_count(name) == count


def test_s2lic_without_what_is_our_reading_is_as_large_as_its_original():
    model = create_model("s2lic-base", contexts=False)
    assert sum(map(math.prod, parameter_shapes(model).values())) == 60_126_778


def test_an_unknown_name_and_an_unknown_field_are_refused_with_the_known_ones():
    with pytest.raises(UnknownModel, match="hcfssnet-tiny"):
        create_model("hcfssnet-huge")
    with pytest.raises(ValueError, match="'width'.*widths"):
        create_model("hcfssnet-tiny", width=3)
    with pytest.raises(ValueError, match="bfloat16.*'float16'"):
        create_model("hcfssnet-tiny", dtype="float16")


@pytest.mark.parametrize(
    "field, value, told",
    [
        ("hyper_width", 0, "hyper_width=0: 1 is the least"),
        ("hyper_blocks", -1, "hyper_blocks=-1: 0 is the least"),
        ("skip_kernels", (), r"skip_kernels=\(\) is no tuple\[int, int\]"),
        ("slices", (4, 2.5), r"slices=\(4, 2.5\) is no tuple"),
        ("levels", 2.5, "levels=2.5 is no int"),
        ("gains", "x", "gains='x' is no bool"),
    ],
)
def test_a_field_of_another_type_or_too_small_is_refused_by_its_name(field, value, told):
    for name in model_names():
        if hasattr(create_model(name).config, field):
            with pytest.raises(ValueError, match=told):
                create_model(name, **{field: value})


def test_a_package_is_of_the_model_that_it_was_made_with_whatever_its_name_means_today():
    older = {"widths": [8, 8, 8], "slices": [4, 4]}  # from before there were bands
    model = restore_model("hcfssnet-tiny", older)
    assert not model.config.bands and model.config.slices == (4, 4)
    assert create_model("hcfssnet-tiny").config.bands
    today = create_model("hcfssnet-tiny").config
    assert restore_model("hcfssnet-tiny", dataclasses.asdict(today)).config == today
    with pytest.raises(UnknownModel, match=r"'hcfsnet'.*hcfssnet"):
        restore_model("hcfsnet-tiny", older)
    with pytest.raises(ValueError, match="'width'.*widths"):
        restore_model("hcfssnet-tiny", {"width": 3})


@functools.cache
def evaluated(name):
    run = jax.jit(functools.partial(small_model(name).apply, method="evaluate"))
    return run({"params": small_params(0, name)}, images(small_model(name)), LEVELS)


def test_a_pass_keeps_the_picture_s_shape_and_counts_bits_of_each_image(name):
    out = evaluated(name)
    assert out.x_hat.shape == images(small_model(name)).shape
    assert out.bits.keys() == {step.latent for step in small_model(name).plan}
    assert all(bits.shape == (2,) and np.all(bits > 0) for bits in out.bits.values())
    assert out.total_bits[1] > out.total_bits[0]  # a higher level, the same kind of picture


@functools.cache
def training_pass(name):
    """(params, images, levels, keys) to the output of the pass of training."""
    return jax.jit(lambda params, *batch: small_model(name).apply({"params": params}, *batch))


def test_training_rounds_the_same_latent_but_counts_the_rate_of_a_noisy_one(name):
    """Straight-through rounding gives the picture of evaluation; only the rate is a proxy."""
    run, params = training_pass(name), small_params(0, name)
    first, second = (jax.random.split(jax.random.key(seed), 2) for seed in (0, 1))
    batch = images(small_model(name))
    trained = run(params, batch, LEVELS, first)
    out = evaluated(name)
    np.testing.assert_allclose(trained.x_hat, out.x_hat, atol=2e-3)
    assert np.all(np.abs(trained.total_bits / out.total_bits - 1) < 0.2)
    again = run(params, batch, LEVELS, second)
    assert np.all(trained.total_bits != again.total_bits)


def test_what_training_makes_of_an_image_depends_on_its_own_key_and_not_on_its_batch(name):
    """So that a batch may be ordered, cut and dealt out to devices in any way."""
    a, b, c = images(small_model(name), 3)
    levels, keys = jnp.asarray([0.0, 6.5, 3.0]), jax.random.split(jax.random.key(0), 3)
    run, params = training_pass(name), small_params(0, name)

    def of_pair(*pair):
        chosen = jnp.asarray(pair)
        return run(params, jnp.stack([(a, b, c)[i] for i in pair]), levels[chosen], keys[chosen])

    together, turned, with_another = of_pair(0, 1), of_pair(1, 0), of_pair(0, 2)
    for one, two, three in zip(
        *map(jax.tree.leaves, (together, turned, with_another)), strict=True
    ):
        # Sums of floats in another order; other noise would move the bits by percents.
        np.testing.assert_allclose(two[::-1], one, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(three[0], one[0], rtol=1e-4, atol=1e-4)
        assert np.any(np.abs(three[1] - one[1]) > 1e-3)


@functools.cache
def gradient_program(name: str, remat: bool):
    """(params, keys) to a rate-distortion loss and its gradient, compiled."""
    model = create_model(name, remat=remat, **SMALL[name])
    batch = images(model)

    def loss(params, keys):
        out = model.apply({"params": params}, batch, LEVELS, keys)
        told = sum(map(jnp.mean, out.features.values()), start=jnp.zeros(()))
        return jnp.mean((out.x_hat - batch) ** 2) * 1e4 + jnp.mean(out.total_bits) + told

    program = jax.jit(jax.value_and_grad(loss)).lower(small_params(0, name), KEYS)
    return program.compile(compiler_options=OPTIONS)


def test_every_parameter_learns_from_the_rate_distortion_loss(name):
    _, gradients = gradient_program(name, remat=False)(small_params(0, name), KEYS)
    for path, gradient in jax.tree_util.tree_leaves_with_path(gradients):
        assert np.all(np.isfinite(gradient)), jax.tree_util.keystr(path)
        assert np.any(gradient != 0), jax.tree_util.keystr(path)


def test_rematerialised_blocks_take_less_memory_and_give_the_same_gradients():
    plain, remat = (gradient_program(NAME, remat) for remat in (False, True))
    (value, gradients), (value2, gradients2) = (p(small_params(), KEYS) for p in (plain, remat))
    assert float(value2) == pytest.approx(float(value), rel=1e-6)

    def agree(found, wanted):  # but for sums of floats in another order
        assert np.max(np.abs(found - wanted)) < 1e-3 * np.max(np.abs(wanted))

    jax.tree.map(agree, gradients2, gradients)
    plain, remat = (p.memory_analysis().temp_size_in_bytes for p in (plain, remat))
    assert remat < 0.7 * plain


# Slices of two kinds, three and one; two equal blocks in a row.
_LOOPED = {"slices": (4, 4, 4, 8), "blocks": (0, 0, 2)}


@pytest.mark.parametrize("name", [NAME, "cmamba-tiny", "twobranch-tiny"])
def test_loops_compute_what_blocks_and_steps_one_by_one_do(name):
    fields = SMALL[name] | _LOOPED
    plain, looped = (create_model(name, loops=loops, **fields) for loops in (False, True))
    batch = images(plain)
    shapes = jax.eval_shape(plain.init, KEYS[0], batch, LEVELS, KEYS)
    assert shapes == jax.eval_shape(looped.init, KEYS[0], batch, LEVELS, KEYS)
    variables = {"params": random_params(plain, name)}

    plain, looped = (
        jax.jit(model.apply).lower(variables, batch, LEVELS, KEYS) for model in (plain, looped)
    )
    wanted, found = (
        program.compile()(variables, batch, LEVELS, KEYS) for program in (plain, looped)
    )
    for ours, theirs in zip(*map(jax.tree.leaves, (found, wanted)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)  # sums in another order
    assert looped.as_text().count("convolution(") < 0.8 * plain.as_text().count("convolution(")


def test_rematerialised_blocks_keep_their_names(name):
    shapes = (parameter_shapes(create_model(name, remat=r, **SMALL[name])) for r in (True, False))
    assert next(shapes) == next(shapes)


def test_a_step_is_predicted_from_those_before_it_and_from_no_other(name):
    """What makes a file decodable: changing a part of a latent must not change what predicts it."""
    model, params = small_model(name), small_params(0, name)
    *_, before, last = range(len(model.plan))

    @jax.jit
    def predictions(changed):
        bound, found = model.bind({"params": params}), []
        quantise = rounding(model.plan, bound.analyse(images(model), LEVELS))

        def quantise_changed(step, prediction):
            found.append(prediction.distribution)
            quantised, record = quantise(step, prediction)
            return quantised + 5.0 * (changed == step), record

        run_steps(bound, LEVELS, quantise_changed)
        return found

    plain = predictions(-1)
    jax.tree.map(np.testing.assert_array_equal, plain, predictions(last))
    moved = predictions(before)
    jax.tree.map(np.testing.assert_array_equal, plain[:last], moved[:last])
    after, without = map(jax.tree.leaves, (moved[last], plain[last]))
    assert any(np.any(x != y) for x, y in zip(after, without, strict=True))


def test_a_model_is_paddable_where_all_of_its_layers_say_what_they_have_to_find(name):
    model = small_model(name)
    assert model.paddable == (not silent_layers(model))
