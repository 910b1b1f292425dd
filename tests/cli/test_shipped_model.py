"""The command line with the model that comes with the library."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hcfss_jax.cli import main
from hcfss_jax.runtime import compiled_cache
from hcfss_jax.weights import DEFAULT_WEIGHTS, SHIPPED, shipped_names

pytestmark = pytest.mark.skipif(
    DEFAULT_WEIGHTS not in shipped_names(), reason="no weights come with this checkout"
)


@pytest.fixture(autouse=True)
def _in_a_process_of_its_own():
    """What the command line sets up for its process is taken back."""
    yield
    compiled_cache.keep_in(None)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_a_photo_comes_back_from_its_file_in_its_mode_and_resembles_itself(here, mode, capsys):
    with Image.open(SHIPPED / "astronaut.webp") as picture:
        original = picture.crop((160, 0, 224, 64)).convert(mode)
    original.save("a.png")
    assert main(["compress", "a.png", "--quality", "7.5"]) == 0
    assert main(["info", "a.hcf"]) == 0
    told = capsys.readouterr()
    assert "64x64 pixels" in told.out and told.err == ""
    assert main(["decompress", "a.hcf", "b.png"]) == 0
    with Image.open("b.png") as decoded:
        assert decoded.mode == mode
        error = np.asarray(decoded, float) - np.asarray(original, float)
    # 26 dB: any trained model is far better at this quality, and no other picture comes close.
    assert np.mean(error**2) < 255**2 / 10**2.6


def test_a_flipped_bit_is_told_and_nothing_is_written(here, capsys):
    Image.new("RGB", (64, 64), "teal").save("a.png")
    main(["compress", "a.png"])
    data = bytearray(Path("a.hcf").read_bytes())
    data[-8] ^= 1
    Path("a.hcf").write_bytes(data)
    capsys.readouterr()
    assert main(["decompress", "a.hcf", "b.png"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("hcfss: a.hcf: ") and told.count("\n") == 1
    assert not Path("b.png").exists()


@pytest.mark.parametrize("side", [1, 2])
def test_contrast_that_the_weights_cannot_hold_is_told(here, capsys, side):
    i, j = np.indices((64, 64)) // side
    checkers = (255 * ((i + j) % 2)).astype(np.uint8)
    Image.fromarray(checkers).save("a.png")
    before = ["--model", "hcfssnet-tiny-88e2ee1f"]
    assert main(["compress", "a.png", "--quality", "7.5", *before]) == 0
    told = capsys.readouterr().err
    assert told.startswith("hcfss: a.png: in 16 blocks of 16x16 pixels hard contrast from pixel to")
    assert main(["compress", "a.png", "--quality", "7.5", "--force"]) == 0
    assert capsys.readouterr().err == ""
