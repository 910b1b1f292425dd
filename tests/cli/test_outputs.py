"""Outputs: none of two inputs is coded over the other, and devices, pipes and links stay what they are."""

import io
import json
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hcfss_jax.cli import batch, main
from hcfss_jax.coding import Header, pack
from hcfss_jax.pictures.images import Planes, read_image
from tests.cli.fake_codec import FakeCodec, photo, tree


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("paths", [["in"], ["in", "out"], ["in/a.png", "in/a.jpg", "out/"]])
def test_photos_of_one_name_are_both_named_and_neither_is_lost(codec, here, capsys, paths, force):
    photo("in/a.png")
    photo("in/a.jpg")
    photo("in/b.png")
    assert main(["compress", *paths, *force]) == 1
    told = capsys.readouterr()
    assert told.err.count("in/a.png") == told.err.count("in/a.jpg") == 2
    assert not [name for name in tree(here) if name.endswith("a.hcf")]
    if "in" in paths:
        assert told.out.startswith("1 written") and told.out.endswith(", 2 failed\n")


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_files_of_one_name_in_two_folders_do_not_become_one_picture(codec, here, capsys, force):
    for folder in ("x", "y"):
        photo(f"{folder}/a.png")
        main(["compress", f"{folder}/a.png"])
    capsys.readouterr()
    assert main(["decompress", "x/a.hcf", "y/a.hcf", "out/", "--model", "fake", *force]) == 1
    told = capsys.readouterr().err
    assert told.count("x/a.hcf") == told.count("y/a.hcf") == 2
    assert not Path("out").exists()


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_photo_that_was_there_before_the_file_is_never_decoded_over(codec, here, capsys, force):
    original = photo("a.png", seed=1)
    photo("a.jpg", seed=2)
    main(["compress", "a.jpg"])
    os.utime("a.png", (1, 1))
    assert main(["decompress", "a.hcf", "--model", "fake", *force]) == 1
    told = capsys.readouterr().err
    assert "a.hcf" in told and "a.png" in told and "-o" in told
    assert np.array_equal(np.asarray(Image.open("a.png")), original)
    assert main(["decompress", "a.hcf", "-o", "a.png", "--force", "--model", "fake"]) == 0


def test_what_was_decoded_before_is_kept_and_replaced_when_asked_for(codec, here, capsys):
    photo("a.png")
    main(["compress", "a.png"])
    os.utime("a.hcf", (1, 1))
    capsys.readouterr()
    assert main(["decompress", ".", "--model", "fake"]) == 0
    assert "a.png: exists and was kept" in capsys.readouterr().err
    assert main(["decompress", "a.hcf", "--model", "fake", "--force"]) == 0


def test_an_original_as_old_as_its_file_is_not_replaced_by_what_is_decoded(codec, here, capsys):
    photo("a.png")
    original = Path("a.png").read_bytes()
    assert main(["compress", "a.png", "--preserve"]) == 0
    options = ["--model", "fake", "--preserve", "--force"]
    assert main(["decompress", "a.hcf", *options]) == 1
    assert "name the output with -o" in capsys.readouterr().err
    assert Path("a.png").read_bytes() == original


def test_a_second_photo_of_one_name_is_an_error_in_a_command_of_its_own_too(codec, here, capsys):
    photo("a.png")
    photo("a.bmp", seed=1)
    assert main(["compress", "a.bmp"]) == 0
    first = Path("a.hcf").read_bytes()
    assert main(["compress", "a.png", "--quiet"]) == 1
    assert "a.hcf exists, and may be of another file" in capsys.readouterr().err
    assert Path("a.hcf").read_bytes() == first


def test_a_folder_of_photos_at_the_end_of_a_glob_is_not_taken_for_the_output(codec, here, capsys):
    photo("a.png")
    photo("sub/b.png")
    assert main(["compress", "a.png", "sub"]) == 1
    told = capsys.readouterr().err
    assert "sub: would be the output, but holds sub/b.png: say -o sub" in told
    assert not list(here.rglob("*.hcf"))
    assert main(["compress", "a.png", "-o", "sub"]) == 0


def test_a_link_that_leads_to_itself_stays_one(codec, here, capsys):
    photo("a.png")
    Path("loop.hcf").symlink_to("loop.hcf")
    assert main(["compress", "a.png", "-o", "loop.hcf"]) == 1
    assert "loop.hcf: cannot be written" in capsys.readouterr().err
    assert Path("loop.hcf").is_symlink()


def test_an_output_that_is_older_than_its_input_is_not_taken_for_its_own(codec, here, capsys):
    photo("a.png")
    Path("a.hcf").write_text("precious")
    os.utime("a.hcf", (1, 1))
    assert main(["compress", "a.png"]) == 1
    assert "a.hcf exists and is older than a.png" in capsys.readouterr().err
    assert Path("a.hcf").read_text() == "precious"
    assert main(["compress", "a.png", "--force"]) == 0


def test_an_output_that_was_named_and_exists_is_an_error_unless_forced(codec, here, capsys):
    photo("a.png")
    Path("b.hcf").write_text("precious")
    assert main(["compress", "a.png", "b.hcf"]) == 1
    assert "b.hcf exists: --force replaces it" in capsys.readouterr().err
    assert Path("b.hcf").read_text() == "precious"


def test_an_output_that_is_another_input_is_refused(codec, here, capsys):
    photo("a.png")
    main(["compress", "a.png", "-o", "b.hcf"])
    os.rename("b.hcf", "c")
    os.rename("a.png", "c.png")
    before = Path("c.png").read_bytes()
    assert main(["decompress", "c", "c.png", "--force", "--model", "fake", "-o", "."]) == 1
    assert "c: would become c.png, which is an input" in capsys.readouterr().err
    assert Path("c.png").read_bytes() == before


def test_two_names_of_one_output_folder_are_seen_through(codec, here, capsys):
    photo("x/a.png")
    photo("y/a.jpg")
    Path("out").mkdir()
    os.link("x/a.png", "same.png")
    os.symlink("out", "link")
    assert main(["compress", "x/a.png", "y/a.jpg", "link"]) == 1
    assert capsys.readouterr().err.count("would become link/a.hcf") == 2


def test_a_link_as_output_is_written_through(codec, here):
    photo("a.png")
    Path("real.hcf").write_text("old")
    os.symlink("real.hcf", "link.hcf")
    os.symlink("new.hcf", "dangling.hcf")
    assert main(["compress", "a.png", "link.hcf", "--force"]) == 0
    assert main(["compress", "a.png", "dangling.hcf"]) == 0
    assert Path("link.hcf").is_symlink() and Path("dangling.hcf").is_symlink()
    assert Path("real.hcf").read_bytes() == Path("new.hcf").read_bytes() != b"old"


def test_devices_and_pipes_as_outputs_are_written_into(codec, here, capsys):
    photo("a.png")
    os.mkfifo("pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe").read_bytes()))
    reader.start()
    assert main(["compress", "a.png", "pipe"]) == 0
    reader.join()
    assert read[0].startswith(b"FAKE") and Path("pipe").is_fifo()
    assert main(["compress", "a.png", "-o", "/dev/null", "--force"]) == 0
    assert Path("/dev/null").is_char_device()
    assert tree(here) == {"a.png"}


def test_a_full_disk_ends_a_batch_with_one_line(codec, here, capsys, monkeypatch):
    for name in "abc":
        photo(f"in/{name}.png")
    kept = batch.write_whole

    def write(path: Path, data: bytes) -> None:
        if path.name != "a.hcf":
            raise OSError(28, "No space left on device", f"{path.parent}/.1-1.partial")
        kept(path, data)

    monkeypatch.setattr(batch, "write_whole", write)
    assert main(["compress", "in", "out"]) == 1
    told = capsys.readouterr()
    assert told.err == "hcfss: out/b.hcf: cannot be written: no space left on device\n"
    assert told.out.endswith(", 1 failed, 1 not tried\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_the_output_that_failed_is_named_and_not_the_photo(codec, here, capsys):
    photo("a.png")
    assert main(["compress", "a.png", "/dev/full"]) == 1
    assert (
        capsys.readouterr().err == "hcfss: /dev/full: cannot be written: no space left on device\n"
    )
    Path("file").write_text("")
    assert main(["compress", "a.png", "file/b.hcf"]) == 1
    assert capsys.readouterr().err.startswith("hcfss: file/b.hcf: cannot be written: ")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["decompress", "a.hcf", "b.xyz"], "b.xyz: an output ends in .png, .jpg, "),
        (["decompress", "a.hcf", "-o", "b.xyz"], "b.xyz: an output ends in .png, .jpg, "),
        (
            ["decompress", "a.hcf", "b.png", "--format", "jpg"],
            "b.png: an output ends in .jpg, .jpeg;",
        ),
        (["compress", "a.png", "b.hfc"], "b.hfc: an output ends in .hcf;"),
        (["compress", "a.png", "-o", "b.png"], "b.png: an output ends in .hcf;"),
    ],
)
def test_an_unknown_ending_of_an_output_is_an_error_with_the_known_ones(
    codec, here, capsys, command, told
):
    photo("a.png")
    main(["compress", "a.png"])
    assert main([*command, "--model", "fake"]) == 1
    assert capsys.readouterr().err.startswith(f"hcfss: {told}")
    assert tree(here) == {"a.png", "a.hcf"}


def test_times_are_kept_when_asked_for(codec, here):
    photo("a.png")
    os.utime("a.png", (1_000_000_000, 1_100_000_000))
    assert main(["compress", "a.png", "--preserve"]) == 0
    assert main(["decompress", "a.hcf", "b.png", "--preserve", "--model", "fake"]) == 0
    assert Path("a.hcf").stat().st_mtime == Path("b.png").stat().st_mtime == 1_100_000_000
    assert main(["compress", "a.png", "c.hcf"]) == 0
    assert Path("c.hcf").stat().st_mtime > 1_700_000_000


def test_a_batch_that_keeps_times_is_finished_by_giving_it_again(codec, here, capsys):
    photo("in/a.png")
    main(["compress", "in", "--preserve"])
    assert main(["compress", "in", "--preserve"]) == 0
    assert capsys.readouterr().out.endswith(", 1 kept\n")


def test_a_target_beyond_the_best_quality_is_told(codec, here, capsys, monkeypatch):
    photo("a.png")
    best = lambda image, **_: (FakeCodec.compress(codec, image, 8), 8.0)  # noqa: E731
    monkeypatch.setattr(codec, "target", best)
    assert main(["compress", "a.png", "--target-bpp", "99"]) == 0
    assert "a.png: quality 8, the best of fake, takes " in capsys.readouterr().err


def test_contrast_is_looked_at_only_where_there_is_some(codec, here, capsys, monkeypatch):
    decoded = []

    def to_grey(data: bytes, **_) -> Planes:
        decoded.append(data)
        return read_image(Image.new("RGB", (64, 64), "grey"))

    monkeypatch.setattr(codec, "decode", to_grey)
    Image.new("RGB", (64, 64), "teal").save("flat.png")
    Image.effect_noise((64, 64), 20).save("grain.png")
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save("stripes.png")
    assert main(["compress", "flat.png", "grain.png"]) == 0
    assert not decoded and capsys.readouterr().err == ""
    assert main(["compress", "stripes.png"]) == 0
    assert "in 16 blocks of 16x16 pixels hard contrast" in capsys.readouterr().err
    assert main(["compress", "stripes.png", "--quiet", "--force"]) == 0
    assert len(decoded) == 1 and capsys.readouterr() == ("", "")


def test_info_tells_of_many_files_for_people_and_for_programs(here, capsys, monkeypatch):
    for name, width in (("a.hcf", 10), ("caf\udce9.hcf", 20)):
        data = pack(Header("some-model", bytes(4), width, 50, "rgb", 3.5), bytes(20))
        Path(name).write_bytes(data)
    assert main(["info", "a.hcf", "caf\udce9.hcf"]) == 0
    told = capsys.readouterr().out
    assert "a.hcf\n" in told and "caf\\xe9.hcf\n" in told and told.count("some-model") == 2
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert main(["info", "a.hcf", "absent.hcf", "-", "--json"]) == 1
    told = capsys.readouterr()
    assert [(file["path"], file["width"]) for file in json.loads(told.out)] == [
        ("a.hcf", 10),
        ("-", 20),
    ]
    assert "absent.hcf: no such file" in told.err
