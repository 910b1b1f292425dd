"""The command line of parts of pictures, tiles, regions, previews, files that are cut; and of targets."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hcfss_jax.cli import main, runtime
from hcfss_jax.codec import Codec, load
from hcfss_jax.coding import Header, TileTable, pack
from hcfss_jax.weights import save_package
from tests.cli.fake_codec import photo
from tests.small_model import photo as picture
from tests.small_model import small_package


@pytest.fixture
def small(monkeypatch) -> None:
    """The codec of the small model, whatever is asked for."""
    monkeypatch.setattr(
        runtime, "load_codec", lambda name, factory, tile=None: Codec(small_package(), tile or 2048)
    )


def refused(line: str, capsys) -> str:
    """What a command that makes no sense is told."""
    with pytest.raises(SystemExit) as end:
        main(line.split())
    assert end.value.code == 2
    return capsys.readouterr().err


def test_a_picture_in_tiles_is_shown_as_such_and_its_regions_are_read(small, here, capsys):
    Image.fromarray(picture(200, 300)).save("a.png")
    assert main(["compress", "a.png", "--tile", "128"]) == 0
    capsys.readouterr()
    assert main(["info", "a.hcf"]) == 0
    assert "3x2 of up to 128 pixels a side; across 0-96 80-192 " in capsys.readouterr().out
    assert main(["info", "a.hcf", "--json"]) == 0
    tiles = json.loads(capsys.readouterr().out)[0]["tiles"]
    assert tiles["side"] == 128 and tiles["columns"][-1][1] == 300 and tiles["rows"][-1][1] == 200
    assert len(tiles["bytes"]) == len(tiles["columns"]) * len(tiles["rows"])
    assert main(["decompress", "a.hcf", "all.png", "--model", "small"]) == 0
    assert (
        main(["decompress", "a.hcf", "b.png", "--model", "small", "--region", "80,88,180,101"]) == 0
    )
    with Image.open("all.png") as whole, Image.open("b.png") as part:
        np.testing.assert_array_equal(part, whole.crop((80, 88, 180, 101)))


def test_a_region_outside_of_one_picture_is_told_and_the_others_are_read(small, here, capsys):
    for name, side in (("a", 20), ("b", 60)):
        Image.fromarray(picture(side, side)).save(f"{name}.png")
    main(["compress", "a.png", "b.png"])
    assert (
        main(["decompress", "a.hcf", "b.hcf", "out/", "--model", "small", "--region", "0,0,40,40"])
        == 1
    )
    assert (
        "hcfss: a.hcf: region 0,0,40,40 lies outside of the picture of 20x20"
        in capsys.readouterr().err
    )
    with Image.open("out/b.png") as part:
        assert part.size == (40, 40)


@pytest.mark.parametrize("region", ["0,0,9", "0,0,9,x", "9,0,3,9", "-1,0,3,9", "0,0,9.5,9", ""])
def test_what_is_no_region_is_a_wrong_command_line(region, here, capsys):
    told = refused(f"decompress a.hcf --region={region}", capsys)
    assert "LEFT,TOP,RIGHT,BOTTOM" in told or "holds no pixel" in told


@pytest.mark.parametrize("tile", ["127", "2049", "x", "-5", "512.5"])
def test_what_is_no_tile_is_a_wrong_command_line(tile, here, capsys):
    photo("a.png")
    assert "128 to 2048 pixels a side" in refused(f"compress a.png --tile {tile}", capsys)


def test_many_tiles_are_told_in_few_words_and_those_that_are_none_are_an_error(here, capsys):
    header = Header("some-model", bytes(4), 5000, 100, "rgb", 4.0)
    for name, count in (("a.hcf", 52), ("b.hcf", 3)):
        table = TileTable(128, [1] * count, [0] * count)
        Path(name).write_bytes(pack(header, bytes(count), {4: table.pack()}))
    assert main(["info", "a.hcf"]) == 0
    assert (
        "52x1 of up to 128 pixels a side; across 0-96 80-192 ... 4880-5000; down 0-100"
        in capsys.readouterr().out
    )
    assert main(["info", "b.hcf"]) == 1
    assert "tiles are not those of a picture of this size" in capsys.readouterr().err


def test_a_codec_of_a_file_of_weights_takes_the_size_of_its_tiles(here):
    save_package("small.safetensors", small_package(), "float32")
    seen: list = []
    load("small.safetensors", tile=128).compress(
        picture(129, 8), progress=lambda tiles: seen.extend(tiles) or tiles
    )
    assert len(seen) == 2


@pytest.fixture
def file(small, here, capsys) -> bytes:
    Image.fromarray(picture(40, 56)).save("a.png")
    main(["compress", "a.png", "--step-checks"])
    Path("a.png").unlink()
    capsys.readouterr()
    return Path("a.hcf").read_bytes()


def pixels(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize(
    "preview, steps", [("--preview", 1), ("--preview 0", 0), ("--preview=1", 1), ("--preview 1", 1)]
)
def test_a_preview_takes_a_number_of_steps_or_none_before_a_path(file, preview, steps):
    assert main(f"decompress --model small {preview} a.hcf b.png".split()) == 0
    wanted = Codec(small_package()).decompress(file, steps=steps)
    np.testing.assert_array_equal(pixels("b.png"), wanted)


def test_steps_that_are_none_are_told(file, capsys):
    assert "no number of coding steps" in refused("decompress a.hcf --preview=x", capsys)
    assert main(["decompress", "a.hcf", "b.png", "--model", "small", "--preview", "99"]) == 1
    assert "99 steps of a preview: 0, for the first alone, to 2" in capsys.readouterr().err


def test_a_file_that_is_cut_is_shown_with_a_note_where_it_is_asked_for(file, capsys):
    Path("a.hcf").write_bytes(file[:-9])
    assert main(["decompress", "a.hcf", "b.png", "--model", "small"]) == 1
    assert "the file ends in its" in capsys.readouterr().err and not Path("b.png").exists()
    assert main(["decompress", "a.hcf", "b.png", "--model", "small", "--partial"]) == 0
    told = capsys.readouterr().err
    assert told.startswith("hcfss: a.hcf: the file is cut, 9 bytes are missing: shown are ")
    assert pixels("b.png").shape == (40, 56, 3)
    assert main(["decompress", "a.hcf", "c.png", "--partial"]) == 1  # of weights that are not here
    assert "which do not come with the library" in capsys.readouterr().err


@pytest.mark.parametrize(
    "option, asked",
    [
        ("--target-size=200kB", "200000.0 size"),
        ("--target-size 1.5MiB", "1572864.0 size"),
        ("--target-size 3000", "3000.0 size"),
        ("--target-size 12B", "12.0 size"),
        ("--target-size 7bytes", "7.0 size"),
        ("--target-psnr 31.5", "31.5 psnr"),
        ("--target-ms-ssim .98", "0.98 ms_ssim"),
        ("--target-bpp 0.5", "0.5 bpp"),
    ],
)
def test_targets_are_handed_to_the_codec(codec, here, option, asked):
    photo("a.png")
    assert main(["compress", "a.png", *option.split()]) == 0
    assert codec.asked[0] == asked


@pytest.mark.parametrize(
    "options, told",
    [
        ("--target-size 3XB", "such as 200000, 200kB, 1.5MB or 200KiB"),
        ("--target-size 0", "is no size"),
        ("--target-size 1.2.3kB", "is no size"),
        ("--target-size -3kB", "expected one argument"),
        ("--target-ms-ssim 98", "between 0 and 1"),
        ("--target-psnr -3", "not more than 0"),
        ("--target-psnr 30 --target-size 3kB", "not allowed with"),
        ("--target-psnr 30 --quality 3", "not allowed with"),
    ],
)
def test_targets_that_are_none_or_several_are_told(here, capsys, options, told):
    photo("a.png")
    assert told in refused(f"compress a.png {options}", capsys)


def test_a_target_out_of_reach_is_one_line(small, here, capsys):
    Image.fromarray(picture(40, 56)).save("a.png")
    assert main(["compress", "a.png", "--target-psnr", "150"]) == 1
    told = capsys.readouterr().err
    assert (
        told.startswith("hcfss: a.png: 150.00 dB PSNR is out of reach: ")
        and not Path("a.hcf").exists()
    )
