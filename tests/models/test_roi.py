"""What is ROI Swin's own: a mask that the encoder sees, and what the decoder knows of it."""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from eval.measure import region_psnr
from hcfss_jax.codec import Codec, load
from hcfss_jax.errors import InvalidInput
from hcfss_jax.layers.sft import SFT
from hcfss_jax.models import create_model
from hcfss_jax.models.roi import Hyper, differences, sums
from hcfss_jax.weights import make_package
from tests.eval.jpeg_in_disguise import PHOTO
from tests.small_model import SMALL, photo, random_params, small_model, small_params

NAME = "roi-tiny"
KNOWN = ("none", "derived", "sent")
HEIGHT, WIDTH = 75, 101
X = jnp.asarray(photo(64, 128)[None] / 255.0, jnp.float32)
LEVEL = jnp.full(1, 3.0)
MASK = np.zeros((HEIGHT, WIDTH), np.float32)
MASK[20:60, 30:70] = 1


@functools.cache
def codec(known: str) -> Codec:
    model = create_model(NAME, **SMALL[NAME], decoder_mask=known)
    return Codec(make_package(model, NAME, random_params(model, NAME), {}))


@pytest.mark.parametrize("known", KNOWN)
def test_a_mask_changes_the_file_which_decodes_without_one(known):
    picture = photo(HEIGHT, WIDTH)
    plain, told = codec(known).encode(picture, 4), codec(known).encode(picture, 4, roi=MASK)
    assert told.data != plain.data
    for encoded in (plain, told):
        decoded = codec(known).decompress(encoded.data)
        np.testing.assert_array_equal(np.asarray(decoded), encoded.x_hat)


def test_the_smallest_picture_goes_through_with_a_mask():
    for known in KNOWN:
        encoded = codec(known).encode(photo(1, 1), 2, roi=np.zeros((1, 1), bool))
        decoded = codec(known).decompress(encoded.data)
        np.testing.assert_array_equal(np.asarray(decoded), encoded.x_hat)


def test_no_mask_is_one_of_1_everywhere():
    model, variables = small_model(NAME), {"params": small_params(0, NAME)}
    run = jax.jit(functools.partial(model.apply, method="analyse"))
    told = [run(variables, X, LEVEL, {"mask": jnp.full((1, 64, 128, 1), v)}) for v in (1.0, 0.0)]
    plain = run(variables, X, LEVEL)
    for name in plain:
        np.testing.assert_allclose(told[0][name], plain[name], rtol=1e-5, atol=1e-5)
        assert np.abs(told[1][name] - plain[name]).max() > 0.01


@pytest.mark.parametrize("stride", [16, 64])
def test_a_mask_that_is_sent_is_coded_first_in_cells_and_comes_back_as_it_is(stride):
    fields = SMALL[NAME] | {"decoder_mask": "sent", "mask_stride": stride}
    model = create_model(NAME, **fields)
    first, second = model.plan[:2]
    assert (first.latent, first.channels, first.stride, second.latent) == ("mask", 1, stride, "z")
    variables = {"params": random_params(model, NAME)}
    mask = np.zeros((1, 64, 128, 1), np.float32)
    mask[:, :, :72] = 1  # half of a cell of 16, and of one of 64 an eighth

    @jax.jit
    def sent(mask):
        latents = model.apply(variables, X, LEVEL, {"mask": mask}, method="analyse")
        density = model.apply(variables, 0, LEVEL, (), method="predict").distribution
        q = jnp.round(density.centred(latents["mask"]))
        told = model.apply(variables, 0, LEVEL, (), None, density.value(q), method="refine")
        return q, told.cells

    q, cells = sent(mask)
    wanted = np.zeros((1, 4, 8, 1), np.float32)
    wanted[:, :, :4] = 1
    np.testing.assert_array_equal(cells, wanted)
    assert np.count_nonzero(q) == 2  # where it begins and where it ends, in the first row


def test_cells_are_the_sums_of_their_differences():
    cells = np.random.default_rng(0).integers(0, 2, (2, 20, 33, 1)).astype(np.float32)
    found = differences(jnp.asarray(cells))
    assert np.abs(found).max() == 2 and np.all(found == np.round(found))
    np.testing.assert_array_equal(sums(found), cells)


def test_what_the_decoder_makes_hangs_on_a_mask_that_is_sent():
    model = create_model(NAME, **SMALL[NAME], decoder_mask="sent")
    bound = model.bind({"params": random_params(model, NAME)})
    rng = np.random.default_rng(0)
    passes = tuple(jnp.asarray(rng.normal(size=(1, 2, 3, 8)), jnp.float32) for _ in range(2))

    @jax.jit
    def shown(mask):
        sent = bound.refine(0, LEVEL, (), None, differences(jnp.full((1, 2, 3, 1), mask)))
        return bound.synthesise((sent, Hyper((), sent.told), *passes), LEVEL)

    assert np.abs(shown(1.0) - shown(0.0)).max() > 0.01


@pytest.mark.parametrize("known", ["none", "derived"])
def test_every_parameter_learns_whatever_the_decoder_knows(known):
    model = create_model(NAME, **SMALL[NAME], decoder_mask=known)
    params = random_params(model, NAME)
    mask = jnp.asarray(np.indices((64, 128)).sum(0)[None, ..., None] % 32 < 16, jnp.float32)

    def loss(params):
        out = model.apply({"params": params}, X, LEVEL, jax.random.key(0)[None], {"mask": mask})
        return jnp.mean((out.x_hat - X) ** 2) * 1e4 + jnp.mean(out.total_bits)

    options = {"xla_backend_optimization_level": 0}
    gradients = jax.jit(jax.grad(loss), compiler_options=options)(params)
    for path, gradient in jax.tree_util.tree_leaves_with_path(gradients):
        assert np.all(np.isfinite(gradient)), jax.tree_util.keystr(path)
        assert np.any(gradient != 0), jax.tree_util.keystr(path)


def test_masks_and_conditions_of_other_sides_are_named():
    model, variables = small_model(NAME), {"params": small_params(0, NAME)}
    evaluate = functools.partial(model.apply, variables, method="evaluate")
    with pytest.raises(InvalidInput, match=r"a mask of its images, \[1, 64, 128, 1\], not \[1, 64"):
        jax.eval_shape(evaluate, X, LEVEL, {"mask": jnp.ones((1, 64, 64, 1))})
    with pytest.raises(InvalidInput, match="8x12 positions cannot be averaged to 8x8"):
        maps = jnp.ones((1, 8, 8, 4)), jnp.ones((1, 8, 12, 4))
        jax.eval_shape(SFT().init, jax.random.key(0), *maps)


def test_it_starts_as_an_orthonormal_transform_whatever_the_mask():
    every = {"widths": (12, 48, 192), "slices": (768,), "blocks": (1, 0, 1), "mlp_ratio": 1}
    model = create_model(NAME, **SMALL[NAME] | every, decoder_mask="derived")

    def there(model, x, level, given):
        return model.analyse(x, level, given)["y"] / model.gain_y(level)

    run = jax.jit(functools.partial(model.init_with_output, method=there))
    x = X[:, :64, :64]
    for mask in (0.0, 1.0):
        y, _ = run(jax.random.key(0), x, LEVEL, {"mask": jnp.full((1, 64, 64, 1), mask)})
        np.testing.assert_allclose(np.sum(y**2), np.sum(x**2), rtol=1e-4)


def test_at_equal_bits_what_is_of_interest_is_better_and_the_rest_worse():
    """With weights of 2,500 steps of four crops of 128x128; their package says the experiment.

    Through whole files, of the bits of a file without a mask or fewer.
    """
    trained = load(Path(__file__).with_name("roi_small.safetensors"))
    picture, inside = PHOTO[:256, 96:352], np.zeros((256, 256), bool)
    inside[64:192, 72:184] = True
    plain = trained.encode(picture, 2)
    data, quality = trained.target_bpp(picture, 8 * len(plain.data) / inside.size, roi=inside)
    told = np.asarray(trained.decompress(data))
    assert len(data) <= len(plain.data) and quality > 2
    gain, loss = (
        region_psnr(picture, told, share) - region_psnr(picture, plain.x_hat, share)
        for share in (inside, ~inside)
    )
    assert gain >= 1 and loss < -0.3
    # At the same quality it is the rest that is left out.
    assert len(trained.compress(picture, 2, roi=inside)) < 0.7 * len(plain.data)
