"""Files that were written once are read without JAX, as far as the decoder in NumPy goes."""

import functools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hcfss_jax import coding
from hcfss_jax.codec.compiled_model import arrays_of
from hcfss_jax.nets.folder import form_of, write_decoder
from tests.coding.test_golden_files import EVERY, codec
from tests.nets.exported import need_onnx

need_onnx()

from hcfss_jax.nets import decode as numpy_decoder  # noqa: E402

pytestmark = pytest.mark.golden
READ = ("between-levels", "colour", "exact", "grey", "metadata", "one-pixel", "step-checks")


@functools.cache
def exported(out: Path, weights: Path, size: tuple[int, int]) -> Path:
    write_decoder(out, codec(weights), *size, form_of("onnx"))
    return out


@pytest.mark.parametrize("path", EVERY, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_file_is_the_same_picture_or_refused(path, tmp_path_factory):
    data = path.read_bytes()
    header, _, _ = coding.unpack(data)
    size = arrays_of(codec(path.parent).model, header.height, header.width)
    folder = tmp_path_factory.getbasetemp() / f"{path.parent.name}-{size[0]}x{size[1]}"
    folder = exported(folder, path.parent, size)
    if path.parent.name != "shipped" and path.stem not in READ:
        with pytest.raises(numpy_decoder.Refused, match="the file has"):
            numpy_decoder.decode(folder, data)
        return
    found = numpy_decoder.decode(folder, data).pixels
    with Image.open(path.with_suffix(".png")) as expected:
        difference = np.abs(np.asarray(expected, int) - found)
    assert difference.max() <= 1 and difference.mean() < 1e-3
