"""Texts to embeddings: what an encoder may be told of a picture in words."""

from hcfss_jax.texts.embedding import TEXT_NUMBERS, TextEncoder
from hcfss_jax.texts.hashed import hashed
from hcfss_jax.texts.hugging_face import HuggingFaceEncoder

__all__ = ["TEXT_NUMBERS", "HuggingFaceEncoder", "TextEncoder", "hashed"]
