"""Files that were written once are read without JAX, too."""

import functools
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hcfss_jax
from hcfss_jax import coding
from hcfss_jax.codec.coded_tiles import tile_sizes
from hcfss_jax.codec.compiled_model import arrays_of
from hcfss_jax.nets.folder import form_of, write_decoder
from hcfss_jax.pictures.images import read_image
from hcfss_jax.pictures.planes import to_array
from hcfss_jax.weights import shipped_with
from tests.coding.test_golden_files import DEEP, EVERY, FILES, codec
from tests.nets.exported import need_onnx

need_onnx()

from hcfss_jax.nets import decode as numpy_decoder  # noqa: E402

pytestmark = pytest.mark.golden


@functools.cache
def exported(out: Path, weights: Path | str, *sizes: tuple[int, int]) -> Path:
    """weights: of a folder of golden files, or a name of some that ship."""
    of = hcfss_jax.load(weights) if isinstance(weights, str) else codec(weights)
    write_decoder(out, of, sizes, form_of("onnx"))
    return out


def decoded(path: Path, base: Path) -> numpy_decoder.Decoded:
    """base: a folder for those of nets."""
    data = path.read_bytes()
    header, stream, sections = coding.unpack(data)
    shipped = shipped_with(header.model, header.fingerprint)
    model = codec(path.parent).model
    sizes = dict.fromkeys(arrays_of(model, *size) for size in tile_sizes(header, stream, sections))
    name = "-".join([header.fingerprint.hex(), *(f"{h}x{w}" for h, w in sizes)])
    folder = exported(base / name, shipped or path.parent, *sizes)
    if coding.Extra.RESIDUAL in sections:
        with pytest.raises(numpy_decoder.Refused, match="--base"):
            numpy_decoder.decode(folder, data)
    return numpy_decoder.decode(folder, data, base=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_file_is_the_same_picture(path, tmp_path_factory):
    found = decoded(path, tmp_path_factory.getbasetemp())
    ours = codec(path.parent).decompress(path.read_bytes(), base=found.file.residual)
    with Image.open(io.BytesIO(numpy_decoder.png(found))) as picture:
        assert (picture.mode, picture.size) == (ours.mode, ours.size)
        for name in ("icc_profile", "exif", "xmp"):
            assert picture.info.get(name) == ours.info.get(name)
        dpi = (each.info.get("dpi", (0, 0)) for each in (picture, ours))
        np.testing.assert_allclose(*dpi, atol=0.02)  # PNG has whole dots a metre
        difference = np.abs(np.asarray(picture, int) - np.asarray(ours, int))
    assert difference.max() <= 1 and difference.mean() < 1e-3


@pytest.mark.parametrize("path", DEEP, ids=lambda path: path.stem)
def test_a_deep_file_is_the_same_picture(path, tmp_path_factory, tmp_path):
    pytest.importorskip("imagecodecs")  # for the PNG
    found = decoded(path, tmp_path_factory.getbasetemp())
    (tmp_path / "a.png").write_bytes(numpy_decoder.png(found))
    expected, picture = read_image(path.with_suffix(".png")), read_image(tmp_path / "a.png")
    assert (picture.depth, picture.grey) == (expected.depth, expected.grey)
    difference = np.abs(to_array(picture).astype(int) - to_array(expected))
    # As `test_golden_files` has it.
    assert difference.max() <= 65 and difference.mean() < 3


def test_no_file_is_left_out():
    assert {*FILES, *DEEP} == {*EVERY}
