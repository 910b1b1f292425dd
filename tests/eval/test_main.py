"""The evaluation tells the truth about a codec whose figures are known, and keeps what it has measured."""

import csv
import errno
import importlib
import json
import os
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eval import anchors
from eval.main import main
from tests.eval.jpeg_in_disguise import PHOTO, JpegInDisguise

QUALITIES = ["12", "35", "65", "92"]  # among those at which JPEG is measured


@pytest.fixture
def codec(monkeypatch) -> JpegInDisguise:
    disguise = JpegInDisguise()
    monkeypatch.setattr("eval.main.load", lambda name, model=None: disguise)
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
    args = ["--data", str(photos), "--out", str(out), "--anchors", "jpeg", *options]
    code = main([*args, "--qualities", *QUALITIES])
    return code, json.loads((out / "report.json").read_text())


def read_points(out: Path) -> list[dict[str, str]]:
    with (out / "points.csv").open() as file:
        return list(csv.DictReader(file))


def test_jpeg_is_exactly_as_good_as_jpeg(codec, photos, tmp_path):
    assert {float(q) for q in QUALITIES} <= set(anchors.ANCHORS["jpeg"].qualities)
    code, report = evaluate(photos, tmp_path)
    assert code == 0
    ours = {entry["quality"]: entry for entry in report["curves"]["disguise"]}
    theirs = {entry["quality"]: entry for entry in report["curves"]["jpeg"]}
    for quality in map(float, QUALITIES):
        for figure in ("bpp", "psnr", "psnr_of_mean_mse", "ms_ssim", "ms_ssim_db"):
            assert ours[quality][figure] == theirs[quality][figure]
    # The anchor's curve has more points, hence a slightly other interpolation between these.
    assert report["bd_rate"]["measured"]["jpeg"]["psnr"]["percent"] == pytest.approx(0, abs=1.5)
    assert report["exact"] == {"checked": 8, "equal": 8}


def test_every_byte_of_the_file_counts(codec, photos, tmp_path):
    _, honest = evaluate(photos, tmp_path / "a")
    codec.padding = bytes(1000)
    _, padded = evaluate(photos, tmp_path / "b")
    extra = 8 * 1000 / (176 * 176)
    for a, b in zip(honest["curves"]["disguise"], padded["curves"]["disguise"], strict=True):
        assert b["bpp"] == pytest.approx(a["bpp"] + extra)
    rates = [r["bd_rate"]["measured"]["jpeg"]["psnr"]["percent"] for r in (honest, padded)]
    assert rates[1] > rates[0] + 5


def test_means_are_those_of_the_points(codec, photos, tmp_path):
    _, report = evaluate(photos, tmp_path)
    of_one_quality = [p for p in read_points(tmp_path) if p["codec"] == "disguise"][::4]
    assert [p["image"] for p in of_one_quality] == ["a.png", "b.png"]
    ratios = np.array([float(p["psnr"]) for p in of_one_quality])
    entry = report["curves"]["disguise"][0]
    assert entry["psnr"] == pytest.approx(ratios.mean(), rel=1e-6)
    mean_error = np.mean(255**2 / 10 ** (ratios / 10))
    assert entry["psnr_of_mean_mse"] == pytest.approx(10 * np.log10(255**2 / mean_error), rel=1e-6)
    assert entry["bpp"] == pytest.approx(np.mean([float(p["bpp"]) for p in of_one_quality]))
    assert entry["ms_ssim_db"] == pytest.approx(-10 * np.log10(1 - entry["ms_ssim"]))


@pytest.mark.parametrize("options", [(), ("--blind",)])
def test_masks_say_what_is_measured_apart_and_what_the_encoder_sees(
    codec, photos, tmp_path, options
):
    mask = np.zeros((176, 176), bool)
    mask[:100, 40:] = True
    (tmp_path / "masks").mkdir()
    for name in ("a.png", "b.webp"):  # of the same name but for the ending
        Image.fromarray(mask).convert("L").save(tmp_path / "masks" / name, lossless=True)
    roi = ("--roi", str(tmp_path / "masks"), *options)
    code, report = evaluate(photos, tmp_path / "out", "--limit", "1", *roi)
    assert code == 0
    for given in codec.given:
        assert given.keys() == (set() if options else {"roi"})
        if given:
            np.testing.assert_array_equal(given["roi"], mask)
    original = np.asarray(Image.open(photos / "a.png")).astype(float)
    shown = codec.decompress(codec.encode(Image.open(photos / "a.png"), 35).data)
    error = (original - np.asarray(shown)) ** 2
    for origin in ("disguise", "jpeg"):
        curve = {entry["quality"]: entry for entry in report["curves"][origin]}
        for name, where in (("region_psnr", mask), ("background_psnr", ~mask)):
            wanted = 10 * np.log10(255**2 / error[where].mean())
            assert curve[35.0][name] == pytest.approx(wanted, abs=1e-9)
    (point, *_) = read_points(tmp_path / "out")
    assert float(point["region_psnr"]) > 0


def test_effort_reaches_the_encoder_and_the_report(codec, photos, tmp_path):
    wanted = {"effort": 3, "tune": "ms-ssim"}
    code, report = evaluate(photos, tmp_path, "--effort", "3", "--tune", "ms-ssim")
    assert code == 0 and all(given == wanted for given in codec.given)  # those for the page, too
    assert {name: report["codec"][name] for name in wanted} == wanted
    _, report = evaluate(photos, tmp_path)
    assert codec.given[-1] == {} and "effort" not in report["codec"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--effort", "3", "--estimate"], "leave out --estimate or --effort"),
        (["--tune", "psnr"], "--tune goes with --effort"),
        (["--effort", "9"], "no record"),
    ],
)
def test_an_effort_that_cannot_be_made_is_named_before_anything_is_coded(
    codec, photos, capsys, options, told
):
    codec.hardest = 8
    assert main(["--data", str(photos), *options]) == 1
    assert told in capsys.readouterr().err and not codec.encoded


def test_a_mask_that_is_missing_is_named_before_anything_is_coded(codec, photos, tmp_path, capsys):
    Image.fromarray(np.zeros((176, 176), np.uint8)).save(tmp_path / "a.png")
    assert main(["--data", str(photos), "--roi", str(tmp_path)]) == 1
    assert f"{tmp_path} holds no mask of b.png" in capsys.readouterr().err
    assert main(["--data", str(photos), "--roi", str(tmp_path), "--estimate"]) == 1
    assert "leave out --estimate or --roi" in capsys.readouterr().err
    codec.model = types.SimpleNamespace(takes=())
    assert main(["--data", str(photos), "--roi", str(tmp_path)]) == 1
    assert "disguise takes no mask: with --blind" in capsys.readouterr().err
    assert not codec.encoded


def test_weights_of_one_rate_make_one_curve(photos, tmp_path, monkeypatch):
    monkeypatch.setattr("eval.main.load", lambda name, model=None: JpegInDisguise(only=int(name)))
    args = ["--data", str(photos), "--out", str(tmp_path), "--anchors", "--weights", *QUALITIES]
    assert main(args) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    curve = report["curves"]["disguise"]
    assert [entry["weights"] for entry in curve] == report["codec"]["weights"]
    assert [entry["psnr"] for entry in curve] == sorted({entry["psnr"] for entry in curve})
    assert len(curve) == len(QUALITIES)


@pytest.mark.parametrize(("weights", "told"), [("12 12", "different"), ("12 0", "eval.compare")])
def test_weights_that_make_no_one_curve_are_refused(photos, capsys, monkeypatch, weights, told):
    monkeypatch.setattr(
        "eval.main.load", lambda name, model=None: JpegInDisguise(only=int(name) or None)
    )
    assert main(["--data", str(photos), "--weights", *weights.split()]) == 1
    assert told in capsys.readouterr().err


def test_a_decoder_that_makes_another_picture_fails_the_run(codec, photos, tmp_path, capsys):
    codec.promised_too_much = 1
    code, report = evaluate(photos, tmp_path, "--limit", "1")
    assert code == 1
    assert report["exact"] == {"checked": 4, "equal": 0}
    assert "to the bit: 0 of 4" in capsys.readouterr().out


def test_an_unreadable_picture_is_named_and_the_rest_is_kept(codec, photos, tmp_path, capsys):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes((photos / name).read_bytes())
    (tmp_path / "broken.png").write_bytes((photos / "a.png").read_bytes()[:2000])
    (tmp_path / "text.jpg").write_text("Dear reader")
    code, report = evaluate(tmp_path, tmp_path / "out")
    assert code == 1
    assert report["data"]["images"] == 2 and set(report["data"]["skipped"]) == {
        "broken.png",
        "text.jpg",
    }
    assert "text.jpg was skipped: not an image" in capsys.readouterr().out
    assert "text.jpg was skipped" in (tmp_path / "out" / "index.html").read_text()


def test_folders_are_searched_unless_told_not_to_and_the_rest_is_counted(
    codec, photos, tmp_path, capsys
):
    for place in ("a.png", "deep/a.png"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes((photos / "a.png").read_bytes())
    for name in ("paper.pdf", "._a.png", "x.heic"):
        (tmp_path / name).write_bytes(b"no photo")
    code, report = evaluate(tmp_path, tmp_path / "out")
    assert code == 0 and report["data"]["images"] == 2
    assert {point["image"] for point in read_points(tmp_path / "out")} == {"a.png", "deep/a.png"}
    kinds = "1 .pdf, 1 HEIC (Pillow has no plugin for it here), 1 hidden"
    assert f"3 passed over ({kinds})" in capsys.readouterr().out
    _, flat = evaluate(tmp_path, tmp_path / "flat", "--no-recursive")
    assert flat["data"]["images"] == 1


def test_a_name_that_is_no_utf_8_is_measured_and_told(codec, photos, tmp_path, capfd):
    (tmp_path / "in").mkdir()
    for name in ("caf\udce9.png", "text\udce9.png"):
        (tmp_path / "in" / name).write_bytes((photos / "a.png").read_bytes())
    (tmp_path / "in" / "text\udce9.png").write_text("Dear reader")
    code, report = evaluate(tmp_path / "in", tmp_path / "out")
    assert code == 1 and list(report["data"]["skipped"]) == ["text\\xe9.png"]
    assert {point["image"] for point in read_points(tmp_path / "out")} == {"caf\\xe9.png"}
    assert "caf\\xe9.png" in (tmp_path / "out" / "index.html").read_text()
    assert "text\\xe9.png was skipped" in capfd.readouterr().out


def test_a_folder_of_unreadable_pictures_is_an_error_that_names_them(codec, tmp_path, capsys):
    (tmp_path / "text.jpg").write_text("Dear reader")
    assert main(["--data", str(tmp_path)]) == 1
    assert "no picture was measured (text.jpg: not an image" in capsys.readouterr().err


def test_an_interrupt_keeps_the_whole_pictures_before_it(codec, photos, tmp_path):
    codec.interrupted_at = 6  # the second picture's second quality
    code, report = evaluate(photos, tmp_path)
    assert code == 130
    assert report["data"]["interrupted"] and report["data"]["images"] == 1
    assert {point["image"] for point in read_points(tmp_path)} == {"a.png"}


def test_an_interrupt_while_the_page_is_made_keeps_the_report(codec, photos, tmp_path, monkeypatch):
    def crops(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("eval.main.crops", crops)
    code, report = evaluate(photos, tmp_path)
    assert code == 130 and report["data"]["images"] == 2
    assert len(read_points(tmp_path)) > 8 and (tmp_path / "index.html").exists()


def test_a_grey_picture_is_coded_as_grey(codec, tmp_path):
    Image.fromarray(PHOTO[:176, 160:336]).convert("L").save(tmp_path / "grey.png")
    code, report = evaluate(tmp_path, tmp_path / "out")
    assert code == 0 and {picture.mode for picture in codec.encoded} == {"L"}
    assert report["curves"]["disguise"][0]["psnr"] == report["curves"]["jpeg"][4 - 1]["psnr"]


def test_an_alpha_plane_is_left_aside_and_the_report_says_so(codec, photos, tmp_path):
    picture = Image.open(photos / "a.png").convert("RGBA")
    picture.putalpha(77)
    picture.save(tmp_path / "clear.png")
    code, report = evaluate(tmp_path, tmp_path / "out")
    _, opaque = evaluate(photos, tmp_path / "opaque", "--limit", "1")
    assert code == 0 and "alpha" in report["data"]["notes"]["clear.png"]
    assert report["data"]["digest"] == opaque["data"]["digest"]


def test_pictures_too_small_for_ms_ssim_go_without_it(codec, tmp_path, capsys):
    Image.fromarray(PHOTO[:40, :60]).save(tmp_path / "small.png")
    code, report = evaluate(tmp_path, tmp_path / "out")
    assert code == 0
    assert all(point["ms_ssim"] == "" for point in read_points(tmp_path / "out"))
    assert report["bd_rate"]["measured"]["jpeg"]["ms_ssim_db"]["percent"] is None
    assert report["bd_rate"]["measured"]["jpeg"]["psnr"]["percent"] is not None
    assert "n/a" in capsys.readouterr().out


def test_a_picture_that_comes_back_unchanged_has_no_psnr_and_breaks_no_json(codec, tmp_path):
    Image.new("RGB", (176, 176)).save(tmp_path / "black.png")
    code, report = evaluate(tmp_path, tmp_path / "out")
    assert code == 0
    assert report["curves"]["disguise"][-1]["psnr"] is None
    assert "Infinity" not in (tmp_path / "out" / "report.json").read_text()


def test_a_folder_without_pictures_is_named(codec, tmp_path, capsys):
    assert main(["--data", str(tmp_path)]) == 1
    assert "holds no picture" in capsys.readouterr().err


def test_published_curves_are_for_the_pictures_they_were_measured_on(codec, photos, tmp_path):
    _, report = evaluate(photos, tmp_path)
    assert report["published"] is None and report["bd_rate"]["published"] == {}
    _, asked = evaluate(photos, tmp_path, "--published", "kodak")
    assert asked["bd_rate"]["published"]["VTM 9.1"]["psnr"]["percent"] > 0
    assert not asked["published"]["same_pictures"]
    assert "was not verified" in (tmp_path / "index.html").read_text()


def test_a_report_that_cannot_be_written_is_named_before_the_first_picture(
    codec, photos, tmp_path, capsys
):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        assert main(["--data", str(photos), "--out", str(out)]) == 1
        assert str(tmp_path / "file") in capsys.readouterr().err
    assert not codec.encoded


@pytest.mark.parametrize(
    ("asked", "told"),
    [(["12", "96"], "quality 96: disguise offers 1 to 95"), (["12", "12"], "twice")],
)
def test_qualities_that_make_no_curve_are_named_before_the_first_picture(
    codec, photos, capsys, asked, told
):
    assert main(["--data", str(photos), "--qualities", *asked]) == 1
    assert told in capsys.readouterr().err
    assert not codec.encoded


@pytest.mark.parametrize("option", [("--limit", "0"), ("--limit", "-1"), ("--published", "vtm")])
def test_an_option_without_a_meaning_is_a_usage_error(codec, photos, capsys, option):
    with pytest.raises(SystemExit) as stopped:
        main(["--data", str(photos), *option])
    assert stopped.value.code == 2 and option[0] in capsys.readouterr().err


def test_names_that_are_no_text_are_in_the_report_escaped(codec, photos, tmp_path, capsys):
    for name, data in ((b"caf\xe9.png", (photos / "a.png").read_bytes()), (b"na\xefve.png", b"no")):
        (tmp_path / os.fsdecode(name)).write_bytes(data)
    code, report = evaluate(tmp_path, tmp_path / "out")
    assert code == 1  # one of them is no picture
    assert report["data"]["images"] == 1
    assert {point["image"][:4] for point in read_points(tmp_path / "out")} == {"caf\\"}
    page = (tmp_path / "out" / "index.html").read_text()
    assert "caf\\" in page and "na\\" in page
    assert "was skipped" in capsys.readouterr().out


def test_a_report_that_finds_the_disk_full_is_named_after_its_figures(
    codec, photos, tmp_path, capsys, monkeypatch
):
    def write_whole(path, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("eval.report.write_whole", write_whole)
    args = ["--data", str(photos), "--out", str(tmp_path / "out"), "--anchors", "--qualities", "12"]
    assert main(args) == 1
    told = capsys.readouterr()
    assert "disguise" in told.out
    assert f"could not be written whole into {tmp_path / 'out'} (No space left on" in told.err


@pytest.mark.parametrize("program", ["eval.main", "eval.compare"])
def test_ctrl_c_beside_the_pictures_ends_with_130(program, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    module = importlib.import_module(program)
    first = {"eval.main": "load", "eval.compare": "read_report"}[program]
    monkeypatch.setattr(module, first, interrupted)
    args = ["--data", "folder"] if program == "eval.main" else ["report"]
    assert module.main(args) == 130
