"""The evaluation tells the truth about a codec whose figures are known: JPEG in disguise."""

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hcfss_jax
from eval import anchors
from eval.main import main
from hcfss_jax.errors import InvalidQuality
from hcfss_jax.images import read_image

QUALITIES = ["12", "35", "65", "92"]  # among those at which JPEG is measured
PHOTO = read_image(Path(hcfss_jax.__file__).parent / "shipped" / "astronaut.webp").rgb


@dataclasses.dataclass(frozen=True)
class Disguised:
    """What `Codec.encode` returns."""

    data: bytes
    x_hat: np.ndarray
    estimated_bits: float


class JpegInDisguise:
    """A codec of the right interface, as good as JPEG because it is JPEG."""

    name, fingerprint, parameter_count = "disguise", b"\1\2\3\4", 7
    padding = b""  # appended to every file
    encoded = 0  # pictures
    promised_too_much = 0  # grey levels between the promised picture and the decoded one

    def check_quality(self, quality: float) -> None:
        if not 1 <= quality <= 95:
            raise InvalidQuality(f"quality {quality:g}: {self.name} offers 1 to 95")

    def encode(self, image: np.ndarray, quality: float) -> Disguised:
        self.encoded += 1
        coded = anchors.jpeg(Image.fromarray(image), int(quality)) + self.padding
        promised = np.asarray(self.decompress(coded)) ^ self.promised_too_much
        return Disguised(coded, promised, 8.0 * len(coded))

    def decompress(self, coded: bytes) -> Image.Image:
        return Image.open(io.BytesIO(coded)).convert("RGB")


@pytest.fixture
def codec(monkeypatch) -> JpegInDisguise:
    disguise = JpegInDisguise()
    monkeypatch.setattr("eval.main.load", lambda name: disguise)
    return disguise


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    photo = PHOTO[:176, 160:336]
    Image.fromarray(photo).save(folder / "a.png")
    Image.fromarray(photo[::-1]).save(folder / "b.png")
    (folder / "notes.txt").write_text("no photo")
    return folder


def evaluate(photos: Path, out: Path, *options: str) -> tuple[int, dict]:
    code = main(["--data", str(photos), "--out", str(out), "--qualities", *QUALITIES, *options])
    return code, json.loads(out.read_text())


def test_jpeg_is_exactly_as_good_as_jpeg(codec, photos, tmp_path):
    anchors_at = dict(zip(anchors.JPEG_QUALITIES, range(99), strict=False))
    assert all(int(quality) in anchors_at for quality in QUALITIES)
    code, report = evaluate(photos, tmp_path / "out.json", "--anchors", "jpeg")
    assert code == 0
    ours = {entry["quality"]: entry for entry in report["curves"]["disguise"]}
    theirs = {entry["quality"]: entry for entry in report["curves"]["jpeg"]}
    for quality in map(float, QUALITIES):
        for figure in ("bpp", "psnr", "ms_ssim"):
            assert ours[quality][figure] == theirs[quality][figure]
    # The anchor's curve has more points, hence a slightly other interpolation between these.
    assert report["bd_rate"]["jpeg"]["psnr"]["percent"] == pytest.approx(0, abs=1.5)
    assert report["exact"] == {"checked": 8, "equal": 8}


def test_every_byte_of_the_file_counts(codec, photos, tmp_path):
    _, honest = evaluate(photos, tmp_path / "a.json")
    codec.padding = bytes(1000)
    _, padded = evaluate(photos, tmp_path / "b.json")
    extra = 8 * 1000 / (176 * 176)
    for a, b in zip(honest["curves"]["disguise"], padded["curves"]["disguise"], strict=True):
        assert b["bpp"] == pytest.approx(a["bpp"] + extra)
    rates = [report["bd_rate"]["jpeg"]["psnr"]["percent"] for report in (honest, padded)]
    assert rates[1] > rates[0] + 5


def test_a_decoder_that_makes_another_picture_fails_the_run(codec, photos, tmp_path, capsys):
    codec.promised_too_much = 1
    code, report = evaluate(photos, tmp_path / "out.json", "--limit", "1")
    assert code == 1
    assert report["exact"] == {"checked": 4, "equal": 0}
    assert "to the bit: 0 of 4" in capsys.readouterr().out


def test_pictures_too_small_for_ms_ssim_go_without_it(codec, tmp_path):
    Image.fromarray(PHOTO[:40, :60]).save(tmp_path / "small.png")
    code, report = evaluate(tmp_path, tmp_path / "out.json")
    assert code == 0
    assert all(point["ms_ssim"] is None for point in report["points"])
    assert report["bd_rate"]["jpeg"]["ms_ssim_db"]["percent"] is None
    assert report["bd_rate"]["jpeg"]["psnr"]["percent"] is not None


def test_a_folder_without_pictures_is_named(codec, tmp_path, capsys):
    assert main(["--data", str(tmp_path)]) == 1
    assert "holds no picture" in capsys.readouterr().err


def test_the_folder_of_the_report_is_made(codec, photos, tmp_path):
    evaluate(photos, tmp_path / "results" / "new" / "out.json", "--limit", "1")
    assert [path.name for path in (tmp_path / "results" / "new").iterdir()] == ["out.json"]


@pytest.mark.parametrize("out", ["folder", "file/out.json"])
def test_a_report_that_cannot_be_written_is_named_before_the_first_picture(
    codec, photos, tmp_path, capsys, out
):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    assert main(["--data", str(photos), "--out", str(tmp_path / out)]) == 1
    assert str(tmp_path / out.split("/")[0]) in capsys.readouterr().err
    assert not codec.encoded


def test_a_quality_that_the_model_lacks_is_named_before_the_first_picture(codec, photos, capsys):
    assert main(["--data", str(photos), "--qualities", "12", "96"]) == 1
    assert "quality 96: disguise offers 1 to 95" in capsys.readouterr().err
    assert not codec.encoded


@pytest.mark.parametrize("limit", ["0", "-1"])
def test_a_limit_that_leaves_no_picture_is_a_usage_error(codec, photos, capsys, limit):
    with pytest.raises(SystemExit) as stopped:
        main(["--data", str(photos), "--limit", limit])
    assert stopped.value.code == 2 and "--limit" in capsys.readouterr().err


def test_every_quality_is_warmed_up_once_for_each_size(codec, photos, tmp_path):
    """Two pictures of one size at four qualities: four runs before the eight that are timed."""
    evaluate(photos, tmp_path / "out.json", "--anchors", "jpeg")
    assert codec.encoded == 4 + 8
