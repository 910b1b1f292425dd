"""Text encoders of Hugging Face, such as BERT, from a folder on this machine; nothing is downloaded."""

import os
from typing import Any

import numpy as np

from hcfss_jax.errors import HcfError, InvalidInput, first_line
from hcfss_jax.texts.embedding import TEXT_NUMBERS


class HuggingFaceEncoder:
    """A `TextEncoder`: the pooled output of a model as `save_pretrained` leaves it, with its tokenizer.

    Of a model without one, the mean over the tokens.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        """Raises HcfError where transformers or PyTorch are not installed, or the folder holds no such model."""
        try:
            import torch
            import transformers
        except ImportError as error:
            raise HcfError(
                f"a text encoder from a folder takes transformers and PyTorch ({error}): pip install 'hcfss-jax[text]'"
            ) from error
        self._torch: Any = torch
        try:
            tokenizer, model = (
                of.from_pretrained(os.fspath(folder), local_files_only=True)
                for of in (transformers.AutoTokenizer, transformers.AutoModel)
            )
        except (OSError, ValueError) as error:
            raise HcfError(f"{folder} holds no text encoder: {first_line(error)}") from error
        self._tokenizer: Any = tokenizer
        self._model: Any = model.eval()

    def __call__(self, text: str) -> np.ndarray:
        """A text to float32 `[768]`. Raises InvalidInput for a model of another width."""
        if not text.strip():
            return np.zeros(TEXT_NUMBERS, np.float32)
        with self._torch.no_grad():
            out = self._model(**self._tokenizer(text, return_tensors="pt", truncation=True))
        pooled = getattr(out, "pooler_output", None)
        found = out.last_hidden_state.mean(1) if pooled is None else pooled
        embedding = np.asarray(found[0].float().cpu().numpy(), np.float32)
        if embedding.shape != (TEXT_NUMBERS,):
            raise InvalidInput(
                f"a text encoder gives {TEXT_NUMBERS} numbers, and this one {list(embedding.shape)}"
            )
        return embedding
