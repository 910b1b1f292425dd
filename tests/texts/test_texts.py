"""Embeddings of texts: the stand-in, and models of Hugging Face from a folder."""

import sys
import types

import numpy as np
import pytest

from hcfss_jax.errors import HcfError, InvalidInput
from hcfss_jax.texts import HuggingFaceEncoder, hashed


def nearness(one: str, other: str) -> float:
    return float(hashed(one) @ hashed(other) / 768)


def test_the_numbers_of_a_text_are_the_same_everywhere():
    found = hashed("A dog on a beach")
    assert found.shape == (768,) and found.dtype == np.float32
    assert np.mean(found**2) == pytest.approx(1, abs=1e-6)
    # Recorded: weights are trained with them.
    assert np.flatnonzero(found)[:6].tolist() == [4, 8, 13, 14, 16, 19]
    np.testing.assert_array_equal(found, hashed("a  DOG, on a beach."))


def test_texts_that_share_words_are_near_and_others_are_not():
    assert nearness("a dog on a beach", "a dog on a lawn") > 0.5
    assert abs(nearness("a dog on a beach", "portrait of two women")) < 0.2
    assert abs(nearness("Hund", "猫")) < 0.2 and np.any(hashed("猫"))


def test_nothing_said_is_zeros():
    for text in ("", "  ", "?!"):
        assert not np.any(hashed(text))


class Tensor(np.ndarray):
    """As much of PyTorch's as is asked."""

    def float(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return np.asarray(self)


@pytest.fixture
def installed(monkeypatch):
    """Modules in place of PyTorch and transformers, with a model whose width may be set."""
    width = {"of": 768}

    class Model:
        def eval(self):
            return self

        def __call__(self, tokens):
            hidden = np.full((1, len(tokens), width["of"]), 0.5).view(Tensor)
            pooled = None if width.get("unpooled") else hidden[:, 0] + 1
            return types.SimpleNamespace(last_hidden_state=hidden, pooler_output=pooled)

    def load(made):
        def from_pretrained(folder, local_files_only):
            assert local_files_only
            if folder == "nowhere":
                raise OSError("no file named config.json\nand more")
            return made

        return types.SimpleNamespace(from_pretrained=from_pretrained)

    class Silent:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

    def tokenizer(text, return_tensors, truncation):
        return {"tokens": text.split()}

    transformers = types.SimpleNamespace(AutoTokenizer=load(tokenizer), AutoModel=load(Model()))
    monkeypatch.setitem(sys.modules, "transformers", transformers)
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(no_grad=Silent))
    return width


def test_a_model_from_a_folder_gives_its_pooled_output_or_the_mean(installed):
    encoder = HuggingFaceEncoder("folder")
    np.testing.assert_array_equal(encoder("a dog"), np.full(768, 1.5, np.float32))
    installed["unpooled"] = True
    np.testing.assert_array_equal(encoder("a dog"), np.full(768, 0.5, np.float32))
    assert not np.any(encoder(" "))
    installed["of"] = 384
    with pytest.raises(InvalidInput, match=r"768 numbers, and this one \[384\]"):
        encoder("a dog")


def test_what_is_missing_is_named_with_what_to_install(installed, monkeypatch):
    with pytest.raises(HcfError, match="nowhere holds no text encoder: no file named config.json$"):
        HuggingFaceEncoder("nowhere")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(HcfError, match=r"transformers and PyTorch .* pip install 'hcfss-jax\[text"):
        HuggingFaceEncoder("folder")
