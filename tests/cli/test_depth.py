"""Deep pictures through the command: at their depth where a format holds it, told where not."""

from pathlib import Path

import numpy as np
import pytest

from hcfss_jax.cli import main
from hcfss_jax.coding import Extra, Header, pack
from hcfss_jax.pictures.images import read_image

imagecodecs = pytest.importorskip("imagecodecs")


@pytest.fixture
def pixels(here) -> np.ndarray:
    """Of `deep.png`."""
    made = np.random.default_rng(0).integers(0, 65536, (9, 8, 3)).astype(np.uint16)
    Path("deep.png").write_bytes(imagecodecs.png_encode(made))
    return made


@pytest.mark.parametrize("ending", ["png", "tif", "jp2"])
def test_a_deep_picture_comes_back_with_its_bits(codec, here, pixels, capsys, ending):
    assert main(["compress", "deep.png"]) == 0
    assert main(["decompress", "deep.hcf", f"b.{ending}", "--model", "fake"]) == 0
    told = capsys.readouterr()
    assert "8x9 pixels, RGB, 16 bits a channel" in told.out and told.err == ""
    np.testing.assert_array_equal(read_image(f"b.{ending}").rgb, pixels)


def test_formats_of_eight_bits_get_eight_with_a_note(codec, here, pixels, capsys):
    assert main(["compress", "deep.png"]) == 0
    assert main(["decompress", "deep.hcf", "b.jpg", "--model", "fake"]) == 0
    assert "JPEG holds 8 bits a channel, and the picture has 16: PNG" in capsys.readouterr().err
    assert main(["decompress", "deep.hcf", "c.jpg", "--depth", "8", "--model", "fake"]) == 0
    assert capsys.readouterr().err == ""


def test_a_depth_can_be_asked_for(codec, here, pixels, capsys):
    assert main(["compress", "deep.png"]) == 0
    assert main(["decompress", "deep.hcf", "b.jp2", "--depth", "10", "--model", "fake"]) == 0
    assert read_image("b.jp2").depth == 10
    for depth in ("7", "17", "ten"):
        with pytest.raises(SystemExit) as stopped:
            main(["decompress", "deep.hcf", "c.png", "--depth", depth])
        assert stopped.value.code == 2 and not Path("c.png").exists()


def test_info_tells_the_depth(here, capsys):
    header = Header("some-model", bytes(4), 10, 50, "rgb", 3.5)
    Path("a.hcf").write_bytes(pack(header, bytes(20), {Extra.DEPTH: b"\x0a"}))
    Path("b.hcf").write_bytes(pack(header, bytes(20)))
    Path("c.hcf").write_bytes(pack(header, bytes(20), {Extra.DEPTH: b"\x63"}))
    assert main(["info", "a.hcf", "b.hcf"]) == 0
    told = capsys.readouterr().out
    assert "10x50 pixels, rgb, 10 bits a channel" in told and "rgb, 8 bits a channel" in told
    assert main(["info", "c.hcf"]) == 1
    assert "c.hcf: the file claims a depth of 63: 9 to 16 bits" in capsys.readouterr().err
