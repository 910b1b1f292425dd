"""A decoder in NumPy and onnxruntime reads what our own reads."""

import ast
import dataclasses
import io
import json
import random
import runpy
import shutil
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from hcfss_jax import coding
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
    (found_symbols,) = found.symbols
    told = json.loads((folder(name) / "decoder.json").read_text())
    for number, (theirs, ours, at) in enumerate(
        zip(found_symbols, symbols, positions, strict=True)
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
    assert found.shape == (40, 50, 1)
    assert np.abs(pixels.astype(int) - found[..., 0]).max() <= 1


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
    lossless = codec(TINY).compress(rgb, max_error=0)
    assert "--base" in refusal(lossless)
    assert numpy_decoder.decode(folder(TINY), lossless, base=True).file.residual
    wanted = refusal(codec(TINY).compress(photo(300, 100), 1))
    assert "512x512" in wanted and "256x256" in wanted and "export-nets" in wanted
    others = Codec(small_package(1, TINY))
    assert others.fingerprint.hex() in refusal(others.compress(rgb, 1))


@pytest.fixture(scope="module")
def tiled():
    return Codec(small_package(0, TINY), tile=128)


@pytest.mark.parametrize("shape", [(150, 100), (100, 300), (290, 310)])
def test_tiles_fade_into_each_other_as_ours_do(tiled, shape):
    data = tiled.compress(photo(*shape), 2)
    found = numpy_decoder.decode(folder(TINY), data)
    assert len(found.symbols) == len(found.file.parts) > 1
    assert np.abs(tiled.decompress_array(data).astype(int) - found.pixels).max() <= 1


def test_tiles_that_contradict_the_picture_are_refused(tiled):
    header, stream, sections = coding.unpack(tiled.compress(photo(150, 100), 2))
    table = coding.TileTable.unpack(sections[coding.Extra.TILES])
    wrong = [
        dataclasses.replace(table, side=32),
        dataclasses.replace(table, lengths=table.lengths[:-1], checks=table.checks[:-1]),
        dataclasses.replace(table, lengths=[n + 1 for n in table.lengths]),
        dataclasses.replace(table, checks=[0 for _ in table.checks]),
    ]
    for each in wrong:
        told = refusal(coding.pack(header, stream, {coding.Extra.TILES: each.pack()}))
        assert "damaged" in told or "cut" in told


@pytest.mark.parametrize("depth", [8, 10, 16])
def test_alpha_and_depth_are_as_ours(depth):
    white = (1 << depth) - 1
    rgb = photo(40, 50).astype(np.uint16) * (white // 255)
    alpha = np.random.default_rng(0).integers(0, white + 1, (40, 50, 1), np.uint16)
    array = np.concatenate([rgb, alpha], axis=-1)
    deep = {"depth": depth} if depth > 8 else {}
    data = codec(TINY).compress(array if deep else array.astype(np.uint8), 2, **deep)
    found = numpy_decoder.decode(folder(TINY), data)
    ours = codec(TINY).decompress_array(data)
    assert (found.pixels.shape, found.pixels.dtype) == (ours.shape, ours.dtype)
    difference = np.abs(ours.astype(int) - found.pixels)
    assert difference[..., :3].max() <= 1 and not difference[..., 3].any()


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("size", [1, 2])
def test_lines_of_alpha_are_read_through_every_filter(kind, size):
    rng = np.random.default_rng(kind)
    pixels = rng.integers(0, 256, (6, 7 * size), np.uint8)
    up = np.pad(pixels, ((1, 0), (0, 0)))[:-1].astype(int)
    left, corner = (np.pad(x, ((0, 0), (size, 0)))[:, :-size].astype(int) for x in (pixels, up))
    paeth = np.stack([left, up, corner])
    distance = np.abs(left + up - corner - paeth)
    nearest = np.take_along_axis(paeth, distance.argmin(0)[None], 0)[0]
    guess = [np.zeros_like(up), left, up, left + up >> 1, nearest][kind]
    lines = (pixels - guess).astype(np.uint8)
    above = np.zeros(7 * size, np.uint8)
    for line, wanted in zip(lines, pixels, strict=True):
        above = numpy_decoder._unfiltered(kind, line, above, size)
        np.testing.assert_array_equal(above, wanted)


def test_a_damaged_file_is_refused_wherever_it_is():
    data = codec(TINY).compress(photo(HEIGHT, WIDTH), 1)
    assert "no .hcf file" in refusal(b"GIF89a")
    for cut in (3, 5, 20, len(data) - 1):
        refusal(data[:cut])
    for place in (4, 10, len(data) // 2, len(data) - 1):
        assert "damaged" in refusal(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])


def test_hostile_bytes_under_a_right_checksum_are_a_picture_or_refused(tiled, monkeypatch):
    sessions, load = {}, numpy_decoder.Nets._session

    def loaded_once(self, name):
        return sessions[name] if name in sessions else sessions.setdefault(name, load(self, name))

    monkeypatch.setattr(numpy_decoder.Nets, "_session", loaded_once)
    rgba = np.concatenate([photo(40, 50), photo(40, 50)[..., :1]], axis=-1)
    rng, files = (
        random.Random(0),
        [codec(TINY).compress(rgba, 1), tiled.compress(photo(130, 20), 1)],
    )
    refused = 0
    for _ in range(120):
        data = bytearray(rng.choice(files)[:-4])
        at = rng.randrange(4, min(len(data) - 8, rng.choice([60, 200, 1000])))
        data[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
        try:
            numpy_decoder.decode(folder(TINY), bytes(data) + zlib.crc32(data).to_bytes(4, "little"))
        except numpy_decoder.Refused:
            refused += 1
    assert refused > 80


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
    with pytest.raises(SystemExit) as stopped:
        numpy_decoder.main(["only"])
    assert stopped.value.code == 2 and "usage" in capsys.readouterr().err
    (tmp_path / "a.hcf").write_bytes(b"nothing")
    arguments = [str(folder(TINY)), str(tmp_path / "a.hcf"), str(tmp_path / "a.png")]
    assert numpy_decoder.main(arguments) == 1
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "a.png").exists()


def test_nothing_that_is_there_is_written_over_unasked(tmp_path, capsys):
    file, there = tmp_path / "a.hcf", tmp_path / "a.png"
    file.write_bytes(codec(TINY).compress(photo(40, 50), 1))
    there.write_text("keep me")
    command = [str(folder(TINY)), str(file)]
    assert numpy_decoder.main([*command, str(there)]) == 1
    assert there.read_text() == "keep me" and "--force" in capsys.readouterr().err
    for wrong in (file, tmp_path / "a.jpg"):
        assert numpy_decoder.main([*command, str(wrong)]) == 1
    assert file.read_bytes()[:3] == b"HCF" and {*tmp_path.iterdir()} == {file, there}
    assert numpy_decoder.main([*command, str(there), "--force"]) == 0
    assert there.read_bytes().startswith(numpy_decoder._PNG)


def packed(extras: bytes, behind: bytes = b"") -> bytes:
    """A small file with these bytes in place of extras, and more behind its stream; its checksum made anew."""
    header, stream, _ = coding.unpack(codec(TINY).compress(photo(40, 50), 1))
    plain = coding.pack(header, stream)
    length = (
        len(stream) + (1 if len(stream) < 128 else 2) + 4
    )  # of the stream, its length, the check
    start = bytearray(plain[:-length])
    start[4] |= 2 * bool(extras)
    data = bytes(start) + extras + plain[-length:-4] + behind
    return data + zlib.crc32(data).to_bytes(4, "little")


def section(kind: int, payload: bytes) -> bytes:
    return bytes([kind, len(payload)]) + payload


@pytest.mark.parametrize(
    ("extras", "behind"),
    [
        (b"\0", b""),  # promised, and none there
        (b"\1" + section(6, b"\x08"), b""),  # what all files have is not said
        (b"\1" + section(6, b"\x0a\0"), b""),
        (b"\1" + section(6, bytes(100)), b""),
        (b"\2" + 2 * section(131, b"\1\1"), b""),
        (b"\1" + section(131, b"\1\0"), b""),
        (b"\1" + section(131, b"\1\x80\0"), b""),  # not the shortest form
        (b"\1" + section(131, b"\1\x80\0\1"), b""),
        (b"\1" + section(131, b"\1\1\1"), b""),
        (b"\1" + section(128, b""), b""),
        (b"\1" + section(128, b"no zlib"), b""),
        (b"\1" + section(129, zlib.compress(bytes(99))[:-3]), b""),
        (b"\1" + section(130, zlib.compress(bytes((1 << 20) + 1))[:127]), b""),
        (b"", b"more"),
    ],
)
def test_what_the_format_forbids_is_refused(extras, behind):
    with pytest.raises(numpy_decoder.Refused, match="damaged|file is cut"):
        numpy_decoder.png(numpy_decoder.decode(folder(TINY), packed(extras, behind)))


def test_what_it_allows_is_not():
    allowed = b"\2" + section(131, b"\1\1") + section(200, b"of a newer version")
    numpy_decoder.png(numpy_decoder.decode(folder(TINY), packed(allowed)))


def test_a_stream_ends_where_an_encoder_would_have_ended_it():
    header, stream, sections = coding.unpack(codec(TINY).compress(photo(HEIGHT, WIDTH), 1))
    for wrong in (stream + b"\0", stream + b"\1", stream[:-1], stream[:-1] + b"\0"):
        refusal(coding.pack(header, wrong, sections))


@pytest.mark.parametrize("name", ["decoder.json", "tables.npz", "256x256/step1.onnx"])
@pytest.mark.parametrize("held", [None, b"", b"{}"])
def test_a_folder_that_is_not_whole_is_told_in_one_line(name, held, tmp_path, capsys):
    shutil.copytree(folder(TINY), tmp_path / "nets")
    path = tmp_path / "nets" / name
    path.unlink()
    if held is not None:
        path.write_bytes(held)
    (tmp_path / "a.hcf").write_bytes(codec(TINY).compress(photo(40, 50), 1))
    arguments = [str(tmp_path / each) for each in ("nets", "a.hcf", "a.png")]
    assert numpy_decoder.main(arguments) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "nets" in told and not (tmp_path / "a.png").exists()


def test_the_copy_beside_the_nets_is_the_source():
    assert (folder(TINY) / "decode.py").read_bytes() == SOURCE.read_bytes()
    assert callable(runpy.run_path(str(SOURCE))["decode"])
