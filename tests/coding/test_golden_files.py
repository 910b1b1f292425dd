"""Files that were written once are read for ever, on every machine and with every version of JAX."""

import functools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hcfss_jax.codec import Codec
from hcfss_jax.weights import DEFAULT_WEIGHTS, load_package

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*/*.hcf"))


@functools.cache
def codec(folder: Path) -> Codec:
    """The weights beside the files; for those of shipped weights, whatever is shipped under the default name today."""
    weights = folder / "weights.safetensors"
    return Codec(load_package(weights if weights.exists() else DEFAULT_WEIGHTS))


def test_there_are_files():
    assert len(FILES) >= 8


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
    assert (
        difference.max() <= (path.stem not in ("exact", "lossless", "errors-of-2"))
        and difference.mean() < 1e-3
    )
