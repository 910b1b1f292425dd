"""What the command line does to files: names, refusals, and nothing half written."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hcfss_jax.cli import main
from hcfss_jax.pictures.images import read_image
from hcfss_jax.texts import hashed
from tests.cli.fake_codec import photo, tree


def test_a_photo_goes_to_a_file_beside_it_and_back(codec, here, capsys):
    pixels = photo("a.png")
    assert main(["compress", "a.png"]) == 0
    os.remove("a.png")
    assert main(["decompress", "a.hcf", "--model", "fake"]) == 0
    assert np.array_equal(np.asarray(Image.open("a.png")), pixels)
    told = capsys.readouterr()
    assert told.out.startswith("a.hcf: ") and " bpp, quality 4" in told.out
    assert told.err == ""


def test_quality_and_target_are_handed_to_the_codec(codec, here):
    photo("a.png")
    assert main(["compress", "a.png", "b.hcf", "--quality", "6.5"]) == 0
    assert main(["compress", "a.png", "c.hcf", "--target-bpp", "0.25"]) == 0
    assert codec.asked == [6.5, "0.25 bpp", 2.5]


def test_a_bound_on_errors_is_asked_for_and_the_base_below_it_shown(codec, here):
    photo("a.png")
    assert main(["compress", "a.png", "--lossless"]) == 0
    assert main(["compress", "a.png", "b.hcf", "--max-error", "2", "-q", "3"]) == 0
    assert main(["decompress", "a.hcf", "c.png", "--model", "fake", "--base"]) == 0
    assert codec.asked == [(1.0, {"max_error": 0}), (3.0, {"max_error": 2}), {"base": True}]
    for words in (
        ["--max-error", "65535"],
        ["--max-error", "-1"],
        ["--lossless", "--max-error", "1"],
    ):
        with pytest.raises(SystemExit, match="2"):
            main(["compress", "a.png", "d.hcf", *words])
    with pytest.raises(SystemExit, match="2"):
        main(["compress", "a.png", "d.hcf", "--lossless", "--target-bpp", "9"])


def test_a_file_that_grows_without_loss_is_told(codec, here, capsys):
    noise = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    Image.fromarray(noise).save("noise.jpg", quality=5)
    assert main(["compress", "noise.jpg", "--lossless"]) == 0
    assert "bytes as it is, fewer than without loss" in capsys.readouterr().err


def test_exact_pixels_are_asked_for_and_done_without(codec, here):
    photo("a.png")
    assert main(["compress", "a.png", "--exact"]) == 0
    assert main(["compress", "a.png", "b.hcf", "--exact", "--target-bpp", "9"]) == 0
    assert main(["decompress", "a.hcf", "c.png", "--model", "fake", "--no-exact"]) == 0
    assert codec.asked == [
        (4.0, {"exact": True}),
        ("9.0 bpp", {"exact": True}),
        2.5,
        {"exact": False},
    ]


def test_a_mask_goes_to_the_codec_with_one_photo_and_with_no_more(codec, here, capsys):
    photo("a.png")
    photo("b.png")
    mask = np.zeros((3, 4), np.uint8)
    mask[1] = 255
    Image.fromarray(mask).save("mask.png")
    assert main(["compress", "a.png", "--roi", "mask.png"]) == 0
    ((quality, given),) = codec.asked
    assert quality == 4 and given.keys() == {"roi"}
    np.testing.assert_array_equal(given["roi"], mask / np.float32(255))
    assert main(["compress", "a.png", "b.png", "--roi", "mask.png", "-f"]) == 1
    assert "--roi mask.png is of one photo, and these are 2" in capsys.readouterr().err
    assert main(["compress", "a.png", "-f", "--roi", "none.png"]) == 1
    assert "none.png" in capsys.readouterr().err


def test_a_caption_goes_to_the_codec_as_numbers(codec, here, capsys, monkeypatch):
    photo("a.png")
    assert main(["compress", "a.png", "--caption", "a dog", "--target-bpp", "9"]) == 0
    encoders = lambda folder: lambda text: (folder, text)  # noqa: E731
    monkeypatch.setattr("hcfss_jax.cli.transcode.HuggingFaceEncoder", encoders)
    options = ["--caption", "a dog", "--text-encoder", "bert"]
    assert main(["compress", "a.png", "b.hcf", *options]) == 0
    (_, first), _, (_, second) = codec.asked
    np.testing.assert_array_equal(first["given"]["text"], hashed("a dog"))
    assert second == {"given": {"text": ("bert", "a dog")}}
    with pytest.raises(SystemExit):
        main(["compress", "a.png", "--text-encoder", "bert"])
    assert "goes with --caption" in capsys.readouterr().err


def test_the_suffix_of_the_output_chooses_the_kind_of_picture(codec, here):
    pixels = photo("a.png")
    main(["compress", "a.png"])
    assert main(["decompress", "a.hcf", "b.webp", "--model", "fake"]) == 0
    with Image.open("b.webp") as picture:
        assert picture.format == "WEBP"
        assert np.array_equal(np.asarray(picture), pixels)


def test_a_folder_is_searched_and_its_shape_kept(codec, here, capsys):
    photo("in/a.png")
    photo("in/deep/b.jpg")
    photo("in/.hidden/c.png")
    Path("in/notes.txt").write_text("no photo")
    assert main(["compress", "in", "out"]) == 0
    assert tree(here / "out") == {"a.hcf", "deep/b.hcf"}
    assert "2 written" in capsys.readouterr().out
    assert main(["decompress", "out", "--model", "fake"]) == 0
    assert tree(here / "out") == {"a.hcf", "deep/b.hcf", "a.png", "deep/b.png"}


def test_the_last_of_several_photos_is_never_taken_for_an_output(codec, here):
    photo("a.png", seed=1)
    pixels = photo("b.png", seed=2)
    assert main(["compress", "a.png", "b.png", "--force"]) == 0
    assert tree(here) == {"a.png", "b.png", "a.hcf", "b.hcf"}
    assert np.array_equal(np.asarray(Image.open("b.png")), pixels)


def test_an_existing_output_is_kept_unless_forced(codec, here, capsys):
    photo("a.png")
    Path("a.hcf").write_text("precious")
    assert main(["compress", "a.png"]) == 1
    assert Path("a.hcf").read_text() == "precious"
    told = capsys.readouterr().err
    assert told == "hcfss: a.png: a.hcf exists, and may be of another file: --force replaces it\n"
    assert main(["compress", "a.png", "--force"]) == 0
    assert Path("a.hcf").read_bytes().startswith(b"FAKE")


def test_a_batch_given_again_does_the_rest_and_says_what_it_kept(codec, here, capsys):
    photo("in/a.png")
    photo("in/b.png")
    Path("in/b.hcf").write_text("precious")
    assert main(["compress", "in"]) == 0
    assert Path("in/b.hcf").read_text() == "precious"
    told = capsys.readouterr().out
    assert told.startswith("1 written (") and told.endswith(", 1 kept\n")


def test_a_bad_file_among_good_ones_is_told_of_and_passed_over(codec, here, capsys):
    photo("a.png")
    Path("b.png").write_text("no photo")
    photo("c.png")
    assert main(["compress", "a.png", "b.png", "c.png", "absent.png"]) == 1
    assert tree(here) == {"a.png", "b.png", "c.png", "a.hcf", "c.hcf"}
    told = capsys.readouterr()
    assert told.err.splitlines() == [
        "hcfss: b.png: not an image, or of a kind that Pillow cannot read: "
        "convert it to PNG or JPEG",
        "hcfss: absent.png: no such file or directory",
    ]
    assert told.out.endswith(", 2 failed\n")


def test_two_photos_of_one_name_do_not_overwrite_each_other(codec, here, capsys):
    photo("a.jpg")
    photo("a.png")
    assert main(["compress", "a.jpg", "a.png", "--force"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"hcfss: {one}: would become a.hcf, and so would {other}: nothing was written; "
        "do them one by one, each with its own -o"
        for one, other in (("a.jpg", "a.png"), ("a.png", "a.jpg"))
    ]
    assert not Path("a.hcf").exists()
    assert main(["compress", "a.png", "-o", "other.hcf"]) == 0


@pytest.mark.parametrize("content", [b"", b"text", b"FAK"], ids=["empty", "text", "cut"])
def test_what_is_no_hcf_file_is_named_without_a_traceback(codec, here, capsys, content):
    Path("a.hcf").write_bytes(content)
    assert main(["decompress", "a.hcf", "--model", "fake"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("hcfss: a.hcf: ") and error.count("\n") == 1
    assert tree(here) == {"a.hcf"}


def test_an_error_nobody_foresaw_is_one_line_too(codec, here, capsys, monkeypatch):
    monkeypatch.setattr(codec, "compress", lambda *_, **__: 1 / 0)
    photo("a.png")
    assert main(["compress", "a.png"]) == 1
    assert capsys.readouterr().err.startswith("hcfss: a.png: ZeroDivisionError: division by zero")
    assert tree(here) == {"a.png"}


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_write_that_is_cut_off_leaves_nothing_behind(codec, here, monkeypatch, failure):
    photo("a.png")

    def cut(source: str, target: str) -> None:
        raise failure

    monkeypatch.setattr(os, "replace", cut)
    assert main(["compress", "a.png"]) == (130 if failure is KeyboardInterrupt else 1)
    assert tree(here) == {"a.png"}


def test_a_polite_kill_unwinds_and_says_so_by_its_exit_code(codec, here, monkeypatch):
    monkeypatch.setattr(codec, "compress", lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM))
    photo("a.png")
    with pytest.raises(SystemExit) as stopped:
        main(["compress", "a.png"])
    assert stopped.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.fixture
def _ctrl_c_raises():
    """As in a terminal: what a shell starts in the background ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c_raises")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_heard_where_python_drops_what_is_raised(codec, here, monkeypatch, number):
    class Dropping:
        def __del__(self):
            os.kill(os.getpid(), number)
            time.sleep(0.1)  # the exception is raised here, and goes nowhere

    def compress(*_, **__):
        Dropping()
        time.sleep(5)
        raise AssertionError("it went on")

    monkeypatch.setattr(codec, "compress", compress)
    photo("a.png")
    if number == signal.SIGINT:
        assert main(["compress", "a.png"]) == 130
    else:
        with pytest.raises(SystemExit) as stopped:
            main(["compress", "a.png"])
        assert stopped.value.code == 128 + number


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        (["a.png", "b.png", "one.hcf"], "one.hcf: is one file, but there are several inputs"),
        (["in", "one.hcf"], "one.hcf: is one file, but there are several inputs"),
        (["empty"], "empty: holds no image"),
        (["a.png", "-o", "a.png"], "a.png: is the input itself"),
    ],
)
def test_paths_that_make_no_sense_are_refused_before_any_work(codec, here, capsys, paths, told):
    for path in ("a.png", "b.png", "in/c.png"):
        photo(path)
    Path("empty").mkdir()
    before = tree(here)
    assert main(["compress", *paths, "--force"]) == 1
    assert told in capsys.readouterr().err
    assert tree(here) == before and not codec.asked


def test_a_quality_that_the_model_lacks_is_refused_once(codec, here, capsys):
    photo("a.png")
    photo("b.png")
    assert main(["compress", "a.png", "b.png", "--quality", "9"]) == 1
    assert capsys.readouterr().err == "hcfss: quality 9: fake offers 1 to 8\n"
    assert not codec.asked


@pytest.mark.parametrize(
    "options", [["--quality", "nan"], ["--quality", "best"], ["--target-bpp", "0"], ["--wrong"]]
)
def test_options_that_make_no_sense_are_usage_errors(codec, here, options):
    with pytest.raises(SystemExit) as stopped:
        main(["compress", "a.png", *options])
    assert stopped.value.code == 2


def test_a_picture_that_the_chosen_format_cannot_hold_is_refused(codec, here, capsys, monkeypatch):
    photo("a.png")
    main(["compress", "a.png"])
    glass = read_image(Image.new("RGBA", (2, 2)))
    monkeypatch.setattr(codec, "decode", lambda data, **_: glass)
    assert main(["decompress", "a.hcf", "b.jpg", "--model", "fake"]) == 1
    assert "JPEG cannot hold this picture" in capsys.readouterr().err
    assert not Path("b.jpg").exists()


def test_an_animation_is_taken_by_its_first_frame_and_that_is_told(codec, here, capsys):
    frames = [Image.new("RGB", (3, 2), colour) for colour in ("red", "blue")]
    frames[0].save("a.gif", save_all=True, append_images=frames[1:])
    assert main(["compress", "a.gif"]) == 0
    assert "a.gif: has 2 frames or pages: only the first is kept" in capsys.readouterr().err
