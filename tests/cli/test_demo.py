"""The demo writes what it says, and says what it measured."""

import io

import numpy as np
import pytest
from PIL import Image

from hcfss_jax.cli import main, runtime
from hcfss_jax.cli.jpeg import jpeg_of_size
from hcfss_jax.metrics import psnr
from hcfss_jax.pictures.images import read_image
from hcfss_jax.weights import SHIPPED


class WebpInDisguise:
    """A lossy codec with the interface of the real one."""

    name, default_quality = "disguise", 4.0

    def compress(self, image: np.ndarray, quality: float) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "WEBP", quality=int(10 * quality))
        return buffer.getvalue()

    def decompress(self, data: bytes) -> Image.Image:
        return Image.open(io.BytesIO(data)).convert("RGB")


@pytest.fixture
def photo() -> np.ndarray:
    return read_image(SHIPPED / "astronaut.webp").rgb


def test_the_demo_leaves_the_file_its_picture_and_a_comparison(
    tmp_path, monkeypatch, capsys, photo
):
    monkeypatch.setattr(runtime, "load_codec", lambda *names: WebpInDisguise())
    assert main(["demo", "--out", str(tmp_path), "--model", "disguise"]) == 0
    told = capsys.readouterr().out
    size = (tmp_path / "astronaut.hcf").stat().st_size
    decoded = np.asarray(Image.open(tmp_path / "astronaut.png"))
    assert f"{size:,} bytes, {8 * size / 512**2:.3f} bpp" in told
    assert f"PSNR {psnr(photo, decoded):.2f} dB" in told
    for file in ("astronaut.hcf", "astronaut.png", "comparison.png"):
        assert str(tmp_path / file) in told
    with Image.open(tmp_path / "comparison.png") as comparison:
        assert comparison.width > 3 * 512 and comparison.height > 512


@pytest.mark.parametrize("size", [6_000, 20_000, 60_000])
def test_the_jpeg_beside_it_has_nearly_the_size_that_is_asked_for(photo, size):
    data, quality = jpeg_of_size(photo, size)
    assert 1 < quality < 95
    # Neighbouring qualities of this photo lie within a tenth of each other.
    assert len(data) == pytest.approx(size, rel=0.1)
    assert read_image(data).rgb.shape == photo.shape


def test_a_size_that_no_jpeg_has_gets_the_nearest(photo):
    assert jpeg_of_size(photo, 1)[1] == 1
    assert jpeg_of_size(photo, 10**9)[1] == 95
