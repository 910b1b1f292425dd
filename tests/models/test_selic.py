"""What is SELIC's own: a text that the encoder alone is told, and none that changes nothing."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hcfss_jax import coding
from hcfss_jax.codec import Codec
from hcfss_jax.codec.compiled_model import CodingPasses
from hcfss_jax.codec.picture_stream import read_picture
from hcfss_jax.errors import InvalidInput
from hcfss_jax.layers.text_fusion import TextFusion
from hcfss_jax.models import create_model
from hcfss_jax.texts import hashed
from hcfss_jax.weights import make_package
from tests.small_model import SMALL, photo, random_params, small_model, small_package, small_params

NAME = "selic-tiny"
X = jnp.asarray(photo(64, 64)[None] / 255.0, jnp.float32)
LEVEL = jnp.full(1, 3.0)
DOG = jnp.asarray(hashed("a dog"))[None]


@functools.cache
def codec(text: bool = True) -> Codec:
    """With weights at random, those of the fusion too; or of the same weights the base codec alone."""
    if text:
        return Codec(small_package(0, NAME))
    model = create_model(NAME, **SMALL[NAME], text=False)
    rounded = small_package(0, NAME).params
    params = {k: v for k, v in rounded.items() if k != "encoder_fusion"}
    return Codec(make_package(model, NAME, params, {}, "float32"))


def pixels(codec: Codec, data: bytes) -> np.ndarray:
    return np.asarray(codec.decompress(data))


def test_without_a_text_or_with_zeros_it_is_its_base_codec_to_the_bit():
    picture = photo(75, 101)
    base = codec(text=False).encode(picture, 4)
    for given in ({}, {"text": np.zeros(768, np.float32)}, {"text": ""}):
        found = codec().encode(picture, 4, given=given)
        assert coding.unpack(found.data)[1] == coding.unpack(base.data)[1]  # all that is coded
        np.testing.assert_array_equal(found.x_hat, base.x_hat)
        assert found.estimated_bits == base.estimated_bits


def test_a_caption_changes_the_file_and_it_still_decodes():
    for sides in ((75, 101), (1, 1)):
        plain, told = (codec().encode(photo(*sides), 4, given=g) for g in ({}, {"text": "a dog"}))
        assert told.data != plain.data
        np.testing.assert_array_equal(pixels(codec(), told.data), told.x_hat)
    embedding = {"text": hashed("A  DOG!")}  # the same words
    assert codec().compress(photo(1, 1), 4, given=embedding) == told.data


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e300, -1e4])
def test_a_text_of_numbers_that_no_encoder_makes_is_refused(number):
    """1e300 is finite, and in float32 it is not."""
    with pytest.raises(InvalidInput, match="numbers of a text lie within 1000"):
        codec().compress(photo(1, 1), 4, given={"text": np.full(768, number)})


def test_the_decoder_is_that_of_the_base_codec_whatever_was_said():
    model, base = small_model(NAME), create_model(NAME, **SMALL[NAME], text=False)
    assert model.plan == base.plan
    params = {k: v for k, v in codec().params.items() if k != "encoder_fusion"}
    told = codec().encode(photo(75, 101), 4, given={"text": "a dog"})
    header, stream, _ = coding.unpack(told.data)
    passes = CodingPasses(base, params).of(75, 101)  # of a model that has no fusion
    rgb = read_picture(passes, codec().tables, stream, header.quality, [header.symbols_crc])
    np.testing.assert_array_equal(rgb, told.x_hat)


def test_it_starts_as_its_base_codec_whatever_is_said():
    model, layer = small_model(NAME), TextFusion()
    y, text = jnp.ones((2, 3, 4, 8)), jnp.concatenate([DOG, jnp.zeros_like(DOG)])
    found, variables = jax.jit(layer.init_with_output)(jax.random.key(0), y, text)
    np.testing.assert_array_equal(found, y)
    moved = jax.tree.map(lambda leaf: leaf + 0.1, variables)
    found = jax.jit(layer.apply)(moved, y, text)
    assert np.abs(found[0] - y[0]).min() > 1e-3  # everywhere
    np.testing.assert_array_equal(found[1], y[1])
    assert model.takes == ("text",) and create_model(NAME, text=False).takes == ()


def test_without_its_fusion_every_parameter_of_it_learns_and_is_of_the_same_name():
    model = create_model(NAME, **SMALL[NAME], text=False)
    names = random_params(model, NAME).keys()
    assert {*names, "encoder_fusion"} == small_params(0, NAME).keys()


@pytest.mark.parametrize(
    "text, says",
    [
        (np.zeros((1, 512), np.float32), "not .1, 512"),
        (np.zeros((2, 768), np.float32), "not .2, 7"),
    ],
)
def test_an_embedding_of_another_shape_is_named(text, says):
    model = small_model(NAME)
    run = functools.partial(model.apply, {"params": small_params(0, NAME)}, method="analyse")
    with pytest.raises(InvalidInput, match=f"Selic takes an embedding of each of 1 texts.*{says}"):
        jax.eval_shape(run, X, LEVEL, {"text": text})
    with pytest.raises(InvalidInput, match="a text is a string or 768 floats"):
        codec().compress(photo(8, 8), given={"text": text[0, :9]})
    with pytest.raises(InvalidInput, match="lie within 1000"):
        codec().compress(photo(8, 8), given={"text": np.full(768, np.nan)})
