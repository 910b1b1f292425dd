"""Files that were written once are read without JAX, as far as the decoder in NumPy goes."""

import functools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hcfss_jax
from hcfss_jax import coding
from hcfss_jax.codec.compiled_model import arrays_of
from hcfss_jax.nets.folder import form_of, write_decoder
from hcfss_jax.weights import shipped_with
from tests.coding.test_golden_files import EVERY, codec
from tests.nets.exported import need_onnx

need_onnx()

from hcfss_jax.nets import decode as numpy_decoder  # noqa: E402

pytestmark = pytest.mark.golden
READ = ("between-levels", "colour", "grey", "metadata", "one-pixel")


@functools.cache
def exported(out: Path, weights: Path | str, size: tuple[int, int]) -> Path:
    """weights: of a folder of golden files, or a name of some that ship."""
    of = hcfss_jax.load(weights) if isinstance(weights, str) else codec(weights)
    write_decoder(out, of, *size, form_of("onnx"))
    return out


@pytest.mark.parametrize("path", EVERY, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_file_is_the_same_picture_or_refused(path, tmp_path_factory):
    data = path.read_bytes()
    header, _, _ = coding.unpack(data)
    shipped = shipped_with(header.model, header.fingerprint)
    size = arrays_of(codec(path.parent).model, header.height, header.width)
    folder = tmp_path_factory.getbasetemp() / f"{header.fingerprint.hex()}-{size[0]}x{size[1]}"
    folder = exported(folder, shipped or path.parent, size)
    if not shipped and path.stem not in READ:
        with pytest.raises(numpy_decoder.Refused, match="the file has"):
            numpy_decoder.decode(folder, data)
        return
    found = numpy_decoder.decode(folder, data).pixels
    with Image.open(path.with_suffix(".png")) as expected:
        difference = np.abs(np.asarray(expected, int) - found)
    assert difference.max() <= 1 and difference.mean() < 1e-3
