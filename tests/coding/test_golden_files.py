"""Files that were written once are read for ever, on every machine and with every version of JAX."""

import functools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hcfss_jax import coding
from hcfss_jax.codec import Codec
from hcfss_jax.pictures.images import read_image
from hcfss_jax.pictures.planes import to_array
from hcfss_jax.weights import DEFAULT_WEIGHTS, load_package

GOLDEN = Path(__file__).parent / "golden"
EVERY = sorted(GOLDEN.glob("*/*.hcf"))
DEEP = [path for path in EVERY if coding.Extra.DEPTH in coding.unpack(path.read_bytes())[2]]
FILES = [path for path in EVERY if path not in DEEP]


@functools.cache
def codec(folder: Path) -> Codec:
    """The weights beside the files; for those of shipped weights, whatever is shipped under the default name today."""
    weights = folder / "weights.safetensors"
    return Codec(load_package(weights if weights.exists() else DEFAULT_WEIGHTS))


def test_there_are_files():
    assert len(FILES) >= 8 and len(DEEP) >= 2


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_file_is_still_the_same_picture(path):
    decoded = codec(path.parent).decompress(path.read_bytes())
    with Image.open(path.with_suffix(".png")) as expected:
        assert (decoded.mode, decoded.size) == (expected.mode, expected.size)
        assert decoded.info.get("icc_profile") == expected.info.get("icc_profile")
        assert decoded.info.get("xmp") == expected.info.get("xmp")
        assert decoded.info.get("exif") == expected.info.get("exif")
        # PNG has whole dots a metre.
        dpi = (picture.info.get("dpi", (0, 0)) for picture in (decoded, expected))
        np.testing.assert_allclose(*dpi, atol=0.02)
        difference = np.abs(np.asarray(decoded, int) - np.asarray(expected, int))
    # Every symbol is as it was, or there would be an error. Pixels come from floats, rounded.
    exact = path.stem in ("exact", "lossless", "values-that-occur", "errors-of-2")
    assert difference.max() <= (not exact) and difference.mean() < 1e-3


@pytest.mark.parametrize("path", DEEP, ids=lambda path: path.stem)
def test_a_deep_file_is_still_the_same_picture(path):
    pytest.importorskip("imagecodecs")  # for the PNG
    decoded = codec(path.parent).decode(path.read_bytes())
    expected = read_image(path.with_suffix(".png"))
    assert decoded.depth == {"ten-bits": 10, "sixteen-bits-grey": 16}[path.stem]
    assert (decoded.grey, decoded.alpha is None) == (expected.grey, expected.alpha is None)
    if decoded.alpha is not None:
        np.testing.assert_array_equal(decoded.alpha, expected.at_depth(decoded.depth).alpha)
    difference = to_array(decoded.at_depth(16)).astype(int) - to_array(expected)
    # Floats differ by some 1e-5 between machines, a level or two of sixteen bits; a level of ten has 64.
    assert np.abs(difference).max() <= 65 and np.abs(difference).mean() < 3
