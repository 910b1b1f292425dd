"""A decoder in NumPy and onnxruntime reads what our own reads."""

import ast
import io
import json
import runpy
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from hcfss_jax.codec import Codec
from hcfss_jax.nets import folder as nets_folder
from tests.nets.exported import HEIGHT, WIDTH, codec, folder, need_onnx, read_by_ours
from tests.small_model import SMALL, photo, small_package

need_onnx()

from hcfss_jax.nets import decode as numpy_decoder  # noqa: E402

QUICK = ("hcfssnet-tiny", "hcfssnet-small", "tcm-tiny", "csm-tiny")
"""With bands and without, attention of windows, and scans through all of the map."""
MODELS = [pytest.param(name, marks=() if name in QUICK else pytest.mark.golden) for name in SMALL]
TINY = "hcfssnet-tiny"
SOURCE = nets_folder.DECODER


@pytest.mark.parametrize("name", MODELS)
def test_symbols_are_ours_to_the_bit_and_floats_all_but_ours(name, monkeypatch):
    data = codec(name).compress(photo(HEIGHT, WIDTH), 1.5)
    found = numpy_decoder.decode(folder(name), data)
    symbols, positions, x_hat = read_by_ours(codec(name), data, monkeypatch)
    assert len(found.symbols) == len(symbols)
    told = json.loads((folder(name) / "decoder.json").read_text())
    for number, (theirs, ours, at) in enumerate(
        zip(found.symbols, symbols, positions, strict=True)
    ):
        np.testing.assert_array_equal(theirs, ours)
        if at is not None:
            step = told["steps"][number]
            position = found.arrays[f"step{number}.position"]
            rows, columns = -(-HEIGHT // step["stride"]), -(-WIDTH // step["stride"])
            inside = position[0, :rows, :columns]
            i, j = np.indices((rows, columns))
            taken = {"whole": i >= 0, "even": (i + j) % 2 == 0, "odd": (i + j) % 2 == 1}
            # The margin of weights without a record is 1e-3 of a step, and there are 63 steps.
            np.testing.assert_allclose(
                inside[taken[step["lattice"]]].ravel(), at, atol=1e-4, rtol=0
            )
    picture = found.arrays["picture"][0, :HEIGHT, :WIDTH]
    np.testing.assert_allclose(picture, x_hat, atol=1e-4 * np.abs(x_hat).max(), rtol=0)
    pixels = codec(name).decompress_array(data).astype(int)
    assert np.abs(pixels - found.pixels).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (17, 31), (256, 256)])
def test_all_pictures_of_these_arrays_are_read(size):
    data = codec(TINY).compress(photo(*size), 1)
    pixels = codec(TINY).decompress_array(data).astype(int)
    found = numpy_decoder.decode(folder(TINY), data).pixels
    assert found.shape == (*size, 3) and np.abs(pixels - found).max() <= 1


def test_a_grey_file_is_a_grey_picture():
    data = codec(TINY).compress(photo(40, 50)[..., 0], 3)
    found = numpy_decoder.decode(folder(TINY), data).pixels
    pixels = codec(TINY).decompress_array(data)
    assert found.shape == (40, 50) and np.abs(pixels.squeeze().astype(int) - found).max() <= 1


def test_sections_that_may_be_passed_over_are():
    data = codec(TINY).compress(photo(40, 50), 2, exact=True, step_checks=True)
    found = numpy_decoder.decode(folder(TINY), data).pixels
    assert np.abs(codec(TINY).decompress_array(data).astype(int) - found).max() <= 1


def test_the_program_in_the_folder_needs_neither_jax_nor_this_library(tmp_path):
    data = codec(TINY).compress(photo(HEIGHT, WIDTH), 2)
    file, out = tmp_path / "a.hcf", tmp_path / "a.png"
    file.write_bytes(data)
    blocked = (
        "import sys, runpy; sys.modules.update(dict.fromkeys(['jax', 'flax', 'hcfss_jax', 'PIL']));"
    )
    program = f"{blocked} sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    script = str(folder(TINY) / "decode.py")
    command = [sys.executable, "-c", program, script, str(folder(TINY)), str(file), str(out)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={})
    assert ran.returncode == 0, ran.stderr
    with Image.open(io.BytesIO(out.read_bytes())) as picture:
        expected = numpy_decoder.decode(folder(TINY), data).pixels
        np.testing.assert_array_equal(np.asarray(picture), expected)


def test_the_program_imports_nothing_but_numpy_onnxruntime_and_python():
    tree = ast.parse(SOURCE.read_text())
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - {*sys.stdlib_module_names} == {"numpy", "onnxruntime"}


def refusal(data: bytes, at=None) -> str:
    with pytest.raises(numpy_decoder.Refused) as refused:
        numpy_decoder.decode(at or folder(TINY), data)
    return str(refused.value)


def test_what_it_does_not_read_is_refused_by_name():
    rgb = photo(HEIGHT, WIDTH)
    alpha = np.concatenate([rgb, rgb[..., :1]], axis=-1)
    assert "alpha" in refusal(codec(TINY).compress(alpha, 1))
    assert "lossless" in refusal(codec(TINY).compress(rgb, max_error=0))
    assert "8 bits" in refusal(codec(TINY).compress(rgb.astype(np.uint16), 1))
    tiled = Codec(small_package(0, TINY), tile=128)
    assert "tiles" in refusal(tiled.compress(rgb, 1))
    assert "--size 300 100" in refusal(codec(TINY).compress(photo(300, 100), 1))
    others = Codec(small_package(1, TINY))
    assert others.fingerprint.hex() in refusal(others.compress(rgb, 1))


def test_a_damaged_file_is_refused_wherever_it_is():
    data = codec(TINY).compress(photo(HEIGHT, WIDTH), 1)
    assert "no .hcf file" in refusal(b"GIF89a")
    for cut in (3, 5, 20, len(data) - 1):
        refusal(data[:cut])
    for place in (4, 10, len(data) // 2, len(data) - 1):
        assert "damaged" in refusal(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])


def test_other_floats_than_the_writer_left_room_for_are_an_error_and_no_picture(monkeypatch):
    data = codec(TINY).compress(photo(HEIGHT, WIDTH), 1)
    run = numpy_decoder.Nets.run

    def far_off(self, name):
        run(self, name)
        if f"{name}.position" in self.arrays:
            self.arrays[f"{name}.position"] = self.arrays[f"{name}.position"] + np.float32(0.3)

    monkeypatch.setattr(numpy_decoder.Nets, "run", far_off)
    assert "not those that were written" in refusal(data)


def test_the_command_says_how_it_is_used_and_what_is_wrong(tmp_path, capsys):
    assert numpy_decoder.main(["only"]) == 2
    assert "usage" in capsys.readouterr().err
    (tmp_path / "a.hcf").write_bytes(b"nothing")
    arguments = [str(folder(TINY)), str(tmp_path / "a.hcf"), str(tmp_path / "a.png")]
    assert numpy_decoder.main(arguments) == 1
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "a.png").exists()


def test_the_copy_beside_the_nets_is_the_source():
    assert (folder(TINY) / "decode.py").read_bytes() == SOURCE.read_bytes()
    assert callable(runpy.run_path(str(SOURCE))["decode"])
