"""The commands as users of cwebp, avifenc, cjxl and ImageMagick would type them."""

import contextlib
import io
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hcfss_jax.cli import main
from hcfss_jax.cli.messages import explain
from tests.cli.fake_codec import photo, tree


@pytest.fixture
def hcfss(codec, here, capfdbinary, monkeypatch):
    """Runs a command line as a shell would: `hcfss("compress - < a.png > b.hcf")`."""

    def run(line: str) -> int:
        words = shlex.split(line)
        with contextlib.ExitStack() as files, monkeypatch.context() as shell:
            for sign, stream in (("<", "stdin"), (">", "stdout")):
                if sign in words:
                    place = words.index(sign)
                    _, path = words[place : place + 2]
                    del words[place : place + 2]
                    opened = files.enter_context(open(path, "rb" if sign == "<" else "wb"))
                    shell.setattr(sys, stream, io.TextIOWrapper(opened))
            if words[0] == "decompress":
                words[1:1] = ["--model", "fake"]
            return main(words)

    return run


def pixels(path: str) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.mark.parametrize(
    ("encode", "decode"),
    [
        ("compress -q 5 a.png -o a.hcf", "decompress a.hcf -o b.png"),  # cwebp, dwebp
        ("compress a.png a.hcf", "decompress a.hcf b.png"),  # avifenc, avifdec, magick
        ("compress a.png a.hcf -q 5", "decompress a.hcf b.png"),  # cjxl, djxl
        ("compress a.png -q 5 a.hcf", "decompress a.hcf --force b.png"),  # magick
        ("compress a.png -o - > a.hcf", "decompress -o - -- - < a.hcf > b.png"),  # cwebp
        ("compress - - < a.png > a.hcf", "decompress - - < a.hcf > b.png"),  # cjxl
        ("compress - a.hcf < a.png", "decompress - b.png < a.hcf"),  # avifenc --stdin
        ("compress - < a.png > a.hcf", "decompress - --format png < a.hcf > b.png"),  # magick png:-
    ],
)
def test_one_photo_there_and_back(hcfss, here, encode, decode):
    original = photo("a.png")
    assert hcfss(encode) == 0
    assert Path("a.hcf").read_bytes().startswith(b"FAKE")
    assert hcfss(decode) == 0
    assert np.array_equal(pixels("b.png"), original)
    assert tree(here) == {"a.png", "a.hcf", "b.png"}


def test_many_files_to_a_folder(hcfss, here):  # mogrify -path out
    photo("a.png")
    photo("b.jpg")
    assert hcfss("compress a.png b.jpg -o out") == 0
    assert hcfss("decompress out/a.hcf out/b.hcf back/ --format webp") == 0
    assert tree(here) == {"a.png", "b.jpg"} | {
        f"{folder}/{name}.{ending}"
        for folder, ending in (("out", "hcf"), ("back", "webp"))
        for name in "ab"
    }


def test_many_files_in_place(hcfss, here):  # mogrify -format webp *.png
    photo("a.png")
    photo("b.png")
    assert hcfss("compress a.png b.png") == 0
    assert hcfss("decompress a.hcf b.hcf --format jpg") == 0
    assert tree(here) == {f"{name}.{end}" for name in "ab" for end in ("png", "hcf", "jpg")}


def test_a_folder_to_any_depth_and_not(hcfss, here, capfdbinary):
    photo("in/a.png")
    photo("in/deep/b.png")
    assert hcfss("compress --no-recursive in flat/") == 0
    assert b"1 written" in capfdbinary.readouterr().out
    assert hcfss("compress -r in deep/") == 0
    assert tree(here / "flat") == {"a.hcf"}
    assert tree(here / "deep") == {"a.hcf", "deep/b.hcf"}


def test_what_is_passed_over_in_a_folder_is_counted_by_kind(hcfss, here, capfdbinary):
    photo("in/a.png")
    photo("in/.thumbs/b.png")
    Path("in/._a.png").write_bytes(b"what macOS leaves")
    for name in ("paper.pdf", "data.h5", "film.mpg", "notes.txt", "more.txt", "README"):
        Path("in", name).write_bytes(b"%PDF no photo")
    for name in ("x.heic", "y.heif"):
        Path("in", name).write_bytes(b"a photo that Pillow cannot read")
    assert hcfss("compress in out") == 0
    told = capfdbinary.readouterr()
    assert told.err == b""
    kinds = (
        "2 .txt, 2 HEIC (Pillow has no plugin for it here), 2 hidden, 1 .h5, 1 .mpg, "
        "1 .pdf, 1 without ending"
    )
    assert told.out.decode().endswith(f", 10 passed over ({kinds})\n")


@pytest.mark.parametrize(
    "name",
    ["with space", "-q", "ünï", "照片" * 41, "a'b\"c", "two\nlines", "caf\udce9", "v1.2", "%s*?["],
    ids=[
        "space",
        "dash",
        "accents",
        "82 letters",
        "quotes",
        "newline",
        "no UTF-8",
        "dots",
        "signs",
    ],
)
def test_any_name_goes_there_and_back(codec, here, name, capfd):
    original = photo(f"./{name}.png")
    assert main(["compress", "--", f"{name}.png"]) == 0
    assert main(["decompress", "--model", "fake", "-o", "out/", "--", f"{name}.hcf"]) == 0
    assert np.array_equal(pixels(f"out/{name}.png"), original)
    told = capfd.readouterr()
    assert told.out.count("bpp") == 1 and told.err == ""
    assert ("caf\\xe9.hcf" in told.out) == (name == "caf\udce9")


def test_a_name_without_its_kind_keeps_all_of_itself(codec, here):
    for name in ("v1.2", "v1.3"):
        photo("a.png")
        Path("a.png").rename(name)
    assert main(["compress", "v1.2", "v1.3"]) == 0
    assert tree(here) == {"v1.2", "v1.3", "v1.2.hcf", "v1.3.hcf"}


def test_errors_stay_when_the_rest_is_quiet(hcfss, here, capfdbinary):
    photo("a.png")
    Path("b.png").write_text("no photo")
    assert hcfss("compress a.png b.png --quiet") == 1
    told = capfdbinary.readouterr()
    assert told.out == b"" and told.err.startswith(b"hcfss: b.png: not an image")


@pytest.mark.parametrize("line", ["compress - - -", "compress a.png b.png -", "compress - out/"])
def test_pipes_that_make_no_sense_are_refused(hcfss, here, line):
    photo("a.png")
    photo("b.png")
    assert hcfss(line) == 1
    assert tree(here) == {"a.png", "b.png"}


def test_a_photo_that_is_given_twice_is_done_once(hcfss, here, capfdbinary):
    photo("in/a.png")
    assert hcfss("compress in in/a.png") == 0
    assert b"1 written" in capfdbinary.readouterr().out


@pytest.mark.parametrize(
    ("line", "usage", "told"),
    [
        ("compress a.png --fast", "usage: hcfss compress", "unknown: --fast"),
        ("decompress a.hcf -q 5", "usage: hcfss decompress", "unknown: -q"),
        ("compress a.png -q high", "usage: hcfss compress", "'high' is no number: 1 is the small"),
        ("decompress a.hcf --format gif", "usage: hcfss decompress", "there is png, jpg, jpeg, w"),
    ],
)
def test_a_wrong_option_shows_the_usage_of_its_command(here, capsys, line, usage, told):
    with pytest.raises(SystemExit) as stopped:
        main(line.split())
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and error.startswith(usage) and told in error


def test_ctrl_c_ends_with_130_and_one_line(tmp_path):
    command = [sys.executable, "-m", "hcfss_jax.cli", "decompress", "-", str(tmp_path / "a.png")]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        # A shell has its background jobs ignore Ctrl-C, and their children with them.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_until_it_reads(process.pid)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.startswith(b"hcfss: interrupted: ") and told.count(b"\n") == 1
    assert not list(tmp_path.iterdir())


def wait_until_it_reads(pid: int) -> None:
    """Until the process has imported what it needs and waits for its input."""
    state = Path(f"/proc/{pid}/wchan")
    if not state.exists():
        pytest.skip("only Linux tells what a process waits for")
    deadline = time.monotonic() + 120
    while "pipe" not in state.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)


def test_a_gpu_that_fails_is_no_end_of_the_road():
    told = explain(RuntimeError("INTERNAL: CUDA error: an illegal instruction was encountered"))
    assert "illegal instruction" in told and "JAX_PLATFORMS=cpu" in told and "\n" not in told
