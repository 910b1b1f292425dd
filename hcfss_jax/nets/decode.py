"""Decodes .hcf files with NumPy and onnxruntime alone:

    python decode.py FOLDER picture.hcf picture.png

FOLDER is what `hcfss export-nets WEIGHTS FOLDER --like picture.hcf` made, with the weights that wrote the file; this
program lies in it, too. It reads all that a file may hold but a residual: of a lossless file, or one that holds a
bound, it shows the picture below that if it is asked to, with --base. What it cannot show rightly, it refuses.

It is written to be read, from top to bottom: the file, the range coder, the steps, the nets, the decoder, the picture,
PNG. The order of a decoder in any language is `decode`; docs/format.md says what each field means.
"""

import argparse
import dataclasses
import json
import os
import struct
import sys
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime


class Refused(Exception):
    """The file is damaged, or holds what is not decoded here. The message is for whoever gave it."""


# ---------------------------------------------------------------- the file


class Part(NamedTuple):
    """A tile of the picture, or all of it. check: CRC-32 of all integers up to its end."""

    top: int
    left: int
    height: int
    width: int
    stream: bytes
    check: int


@dataclasses.dataclass(frozen=True)
class File:
    """What a file says. depth: bits a channel. parts: row by row. sections: the extras, by their types."""

    model: str
    fingerprint: str
    width: int
    height: int
    quality: float
    grey: bool
    depth: int
    parts: Sequence[Part]
    sections: Mapping[int, bytes]

    @property
    def residual(self) -> bool:
        """Whether the picture is but the base of the one that the file tells."""
        return _RESIDUAL in self.sections


_ALPHA, _TILES, _RESIDUAL, _DEPTH, _VALUES_THAT_OCCUR = 1, 4, 5, 6, 7
_ICC, _EXIF, _XMP, _DENSITY = 128, 129, 130, 131
_KNOWN = {_ALPHA, _TILES, _RESIDUAL, _DEPTH, _VALUES_THAT_OCCUR}
_OVERLAP = 16  # lines that neighbouring tiles share
_MOST_PIXELS = 1 << 28


def read_file(data: bytes, base: bool = False) -> File:
    """The fields of a file whose bytes are whole. base: of one with a residual, those of the picture below it."""
    reader = _Bytes(data)
    if reader.take(3) != b"HCF":
        raise Refused("this is no .hcf file")
    if (version := reader.take(1)[0]) != 2:
        raise Refused(f"the file has format version {version}, and this program reads 2")
    if len(data) < 8 or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise Refused("the file is damaged or cut: its checksum does not hold")
    flags = reader.take(1)[0]
    if flags & ~3:
        raise Refused(f"the file has flags {flags:#04x}, of a newer version")
    name = reader.take(reader.varint())
    if not 1 <= len(name) <= 64 or not all(32 <= byte < 127 for byte in name):
        raise Refused("the file is damaged: its model has no name")
    fingerprint = reader.take(4).hex()
    width, height = reader.varint(), reader.varint()
    if not 0 < width * height <= _MOST_PIXELS:
        raise Refused(f"the file claims {width}x{height} pixels: this program takes 1 to 2^28")
    quality, check = struct.unpack("<HI", reader.take(6))
    sections = _sections(reader) if flags & 2 else {}
    if _RESIDUAL in sections and not base:
        raise Refused(
            "the file has a residual: it is lossless, or holds a bound. This program shows the picture below it, with "
            "--base"
        )
    parts = [Part(0, 0, height, width, reader.take(reader.varint()), check)]
    reader.take(4)  # the checksum
    if not reader.at_end:
        raise Refused("the file is damaged: it goes on behind its end")
    if _TILES in sections:
        parts = _tiles(sections[_TILES], parts[0])
    depth = 8
    if _DEPTH in sections:
        if sections[_DEPTH] not in [bytes([bits]) for bits in range(9, 17)]:
            raise Refused("the file is damaged: it claims bits a channel that there are not")
        depth = sections[_DEPTH][0]
    grey = bool(flags & 1)
    return File(
        name.decode(), fingerprint, width, height, quality / 64, grey, depth, parts, sections
    )


def _sections(reader: "_Bytes") -> dict[int, bytes]:
    """The extras, by their types."""
    sections: dict[int, bytes] = {}
    count = reader.varint()
    for _ in range(count):
        kind = reader.take(1)[0]
        if kind < 128 and kind not in _KNOWN:  # what may be left out has a number from 128 on
            raise Refused(f"the file has a section of type {kind}, of a newer version")
        if kind in sections:
            raise Refused(f"the file is damaged: it has two sections of type {kind}")
        sections[kind] = reader.take(reader.varint())
    if not count:
        raise Refused("the file is damaged: it promises sections, and has none")
    return sections


def _tiles(section: bytes, whole: Part) -> list[Part]:
    """The tiles of a picture, by what the section says of them."""
    reader, streams = _Bytes(section), _Bytes(whole.stream)
    side = reader.varint()
    if not 128 <= side <= 2048 or side >= max(whole.height, whole.width):
        raise Refused(f"the file is damaged: tiles of {side} pixels")
    count = _count(whole.height, side) * _count(whole.width, side)
    if 5 * count > len(section):  # a tile takes five bytes of it, at least
        raise Refused("the file is damaged: it says too little of its tiles")
    tiles = [
        Part(
            top,
            left,
            bottom - top,
            right - left,
            streams.take(reader.varint()),
            int.from_bytes(reader.take(4), "little"),
        )
        for top, bottom in _spans(whole.height, side)
        for left, right in _spans(whole.width, side)
    ]
    if not reader.at_end or not streams.at_end or tiles[-1].check != whole.check:
        raise Refused("the file is damaged: its tiles are not those of a picture of this size")
    return tiles


def _spans(length: int, side: int) -> list[tuple[int, int]]:
    """(start, end) of the tiles along a side of the picture."""
    count = _count(length, side)
    starts = [i * (length - _OVERLAP) // count // 16 * 16 for i in range(count)]
    return [*((a, b + _OVERLAP) for a, b in pairwise(starts)), (starts[-1], length)]


def _count(length: int, side: int) -> int:
    return 1 if length <= side else -(-(length - _OVERLAP) // (side - 2 * _OVERLAP))


class _Bytes:
    """Takes fields off the front."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, size: int) -> bytes:
        self._at += size
        if self._at > len(self._data):
            raise Refused("the file is cut")
        return self._data[self._at - size : self._at]

    @property
    def at_end(self) -> bool:
        return self._at == len(self._data)

    def varint(self) -> int:
        number = 0
        for i in range(5):
            byte = self.take(1)[0]
            number |= (byte & 127) << 7 * i
            if byte < 128:
                break
        if byte > 127 or (i and not byte):  # the shortest form is the only one
            raise Refused("the file is damaged: a number in it is not written as it should be")
        return number


# ---------------------------------------------------------------- the range coder


class Tables:
    """Rows of cumulative frequencies from 0 to 65536, of which the last symbol escapes."""

    def __init__(self, cdf: np.ndarray, offset: np.ndarray, length: np.ndarray) -> None:
        ends = np.cumsum(length + 1)
        self.rows = [row.tolist() for row in np.split(cdf, ends[:-1])]
        self.offsets = offset.tolist()


_COIN = [0, 1 << 15, 1 << 16]


class RangeDecoder:
    """The integers of a stream, in their order.

    check: CRC-32 of the integers before them, and then of all so far, each as a little-endian int32.
    """

    def __init__(self, stream: bytes, check: int = 0) -> None:
        self._stream, self._at, self.check = stream, 4, check
        self._size = 1 << 32
        self._ahead = int.from_bytes(
            stream[:4].ljust(4, b"\0"), "big"
        )  # from the interval's low end

    def decode(self, rows: np.ndarray, tables: Tables) -> np.ndarray:
        """The next integers, int32 `[n]`, each by the row of its table."""
        found = [self._integer(tables.rows[row], tables.offsets[row]) for row in rows.tolist()]
        integers = np.array(found, np.int64).astype("<i4")
        self.check = zlib.crc32(integers.tobytes(), self.check)
        return integers

    def finish(self) -> None:
        """Call after the last integer. Raises Refused where an encoder would have written another end."""
        start = self._at - 4  # of the window: the words before it are settled
        window = int.from_bytes(self._stream[start : self._at].ljust(4, b"\0"), "big")
        low = window - self._ahead & 0xFFFFFFFF
        if low + self._size > 1 << 32:
            whole = self._stream[:start].rstrip(b"\0")
        else:
            whole = self._stream[:start] + _ending(low, low + self._size - 1)
        if whole != self._stream:
            raise Refused(_ELSEWHERE)

    def _integer(self, row: list[int], offset: int) -> int:
        value, escape = self._share(row), len(row) - 2
        if value < escape:
            return offset + value
        bits = 1
        while self._share(_COIN) == 0:
            bits += 1
            if bits > 32:
                raise Refused(_ELSEWHERE)
        distance = 1
        for _ in range(bits - 1):
            distance = 2 * distance + self._share(_COIN)
        return offset + (-distance if self._share(_COIN) else distance + escape - 1)

    def _share(self, row: list[int]) -> int:
        """Which share of the interval the stream's value lies in; the interval becomes that share."""
        # The last k with floor(size * row[k] / 2^16) <= ahead.
        k = bisect_right(row, ((self._ahead + 1 << 16) - 1) // self._size) - 1
        start, end = self._size * row[k] >> 16, self._size * row[k + 1] >> 16
        self._ahead -= start
        self._size = end - start
        if self._size <= 1 << 16:
            word = self._stream[self._at : self._at + 2].ljust(2, b"\0")
            self._at += 2
            self._ahead = self._ahead << 16 | int.from_bytes(word, "big")
            self._size <<= 16
        return k


def _ending(low: int, high: int) -> bytes:
    """The shortest that names a number in [low, high], zeros at its end left out."""
    if low == 0:
        return b""
    highest = (low - 1 >> 24) + 1
    if highest <= high >> 24:
        return bytes([highest])
    return ((low - 1 >> 16) + 1).to_bytes(2, "big").rstrip(b"\0")


_ELSEWHERE = (
    "the symbols are not those that were written: either the floats of this machine lie further from the writer's than "
    "it left room for, or whoever wrote the file meant no picture"
)

# ---------------------------------------------------------------- the steps


class Step(NamedTuple):
    """A step of the plan, and what of its map a picture touches.

    rows, columns: of positions. taken: bool `[rows, columns]`, of these that the step codes. shape: of the map.
    """

    latent: str
    tables: Tables
    rows: int
    columns: int
    taken: np.ndarray
    shape: tuple[int, ...]
    lowest: int
    highest: int

    def sent(self, whole: np.ndarray) -> np.ndarray:
        """Of a map `[1, h, w, c, ...]` what is coded, in its order: by row, column, channel; `[n, ...]`."""
        inside = whole[0, : self.rows, : self.columns][self.taken]
        return inside.reshape(-1, *whole.shape[4:])

    def unsent(self, symbols: np.ndarray) -> np.ndarray:
        """The map of symbols `[n]`, 0 where none is coded."""
        whole = np.zeros(self.shape, np.int32)
        inside = whole[0, : self.rows, : self.columns]
        inside[self.taken] = symbols.reshape(-1, self.shape[-1])
        return whole


class Shifts(NamedTuple):
    """values: float32, each shift by its number. tables: of these numbers, and first of the number of such a table."""

    values: np.ndarray
    block: int
    tables: Tables


class StepReader:
    """Reads the symbols of a step off a stream."""

    def __init__(self, stream: RangeDecoder, shifts: Shifts) -> None:
        self._stream, self._shifts = stream, shifts

    def by_channel(self, step: Step) -> np.ndarray:
        """Each channel has its table."""
        channels, positions = step.shape[-1], int(step.taken.sum())
        return self._stream.decode(np.tile(np.arange(channels), positions), step.tables)

    def by_position(self, step: Step, positions: np.ndarray) -> np.ndarray:
        """Each symbol's table is the one that its position among them says, shifted; positions: float32 `[n]`."""
        return self._shifted(step, positions, self._table_of_shifts())

    def by_answers(
        self,
        step: Step,
        flagged: bool,
        position: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    ) -> np.ndarray:
        """Each symbol is told by answers to questions. position: (which symbols `[k]`, near, far `[k, 2]`) to `[k]`."""
        channels = step.shape[-1]
        asked = np.ones((int(step.taken.sum()), channels), bool)
        if flagged:
            asked &= self._flags(step, channels)
        symbols, numbers = np.zeros(asked.size, np.int32), np.flatnonzero(asked)
        if not numbers.size:
            return symbols
        table = self._table_of_shifts()

        def is_near(which: np.ndarray, near: np.ndarray, far: np.ndarray) -> np.ndarray:
            positions = position(numbers[which], near, far)
            return self._shifted(step, positions, table) == 0

        symbols[numbers] = _by_questions(numbers.size, is_near)
        return symbols

    def _flags(self, step: Step, channels: int) -> np.ndarray:
        """Which channels hold a symbol that is not 0."""
        fair = step.highest // 2
        digits = self._stream.decode(np.full(step.highest.bit_length(), fair), step.tables)
        coin = int(digits @ (1 << np.arange(digits.size)))
        if not 0 <= coin <= step.highest:
            raise Refused(_ELSEWHERE)
        return self._stream.decode(np.full(channels, coin), step.tables) == 0

    def _table_of_shifts(self) -> int:
        table = int(self._stream.decode(np.zeros(1, int), self._shifts.tables)[0])
        if not 0 <= table < len(self._shifts.tables.rows) - 1:
            raise Refused(_ELSEWHERE)
        return 1 + table

    def _shifted(self, step: Step, positions: np.ndarray, table: int) -> np.ndarray:
        """A shift for each block, and the integers whose tables are floor(p + (1/2 + shift))."""
        values, block, tables = self._shifts
        numbers = self._stream.decode(np.full(-(-positions.size // block), table), tables)
        if np.any((numbers < 0) | (numbers >= values.size)):
            raise Refused(_ELSEWHERE)
        shift = np.repeat(values[numbers], block)[: positions.size]
        index = np.floor(positions + (np.float32(0.5) + shift)).astype(int)
        return self._stream.decode(np.clip(index, step.lowest, step.highest), step.tables)


def _by_questions(count: int, is_near: Callable[..., np.ndarray]) -> np.ndarray:
    """Is it 0? is it negative? and then its magnitude by halves: int32 `[count]`."""
    found, which = np.zeros(count, np.int32), np.arange(count)

    def ends(low: Any, high: Any) -> np.ndarray:
        both = np.broadcast_arrays(np.float32(low), np.float32(high), np.float32(which))[:2]
        return np.sort(np.stack(both, -1), axis=-1)

    which = which[~is_near(which, ends(0, 0), ends(-np.inf, np.inf))]
    if not which.size:
        return found
    sign = np.where(is_near(which, ends(-np.inf, -1), ends(1, np.inf)), -1, 1)
    least, most = np.ones(which.size), np.full(which.size, np.inf)
    while which.size:
        if least.max() >= 1 << 24:
            raise Refused(_ELSEWHERE)
        middle = np.where(np.isinf(most), 2 * least - 1, (least + np.minimum(most, 1 << 24)) // 2)
        near = is_near(
            which, ends(sign * least, sign * middle), ends(sign * (middle + 1), sign * most)
        )
        least, most = np.where(near, least, middle + 1), np.where(near, middle, most)
        known = least == most
        found[which[known]] = (sign * least)[known]
        which, sign, least, most = (x[~known] for x in (which, sign, least, most))
    return found


# ---------------------------------------------------------------- the nets


class Nets:
    """The nets of one size of arrays.

    arrays: what they are given and have left, by name, since `begin`.
    """

    def __init__(self, folder: Path, told: dict[str, Any]) -> None:
        self._folder, self._told = folder, told
        self._options = onnxruntime.SessionOptions()
        self._options.log_severity_level = 3
        self._options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self._sessions: dict[str, Any] = {}
        self.arrays: dict[str, np.ndarray] = {}

    def begin(self, quality: float, area: tuple[int, int]) -> None:
        """A picture. area: its height and width, padded."""
        level = np.array([quality - 1], np.float32)
        self.arrays = {"level": level, "area": np.array(area, np.int32)}

    def run(self, name: str) -> None:
        """Computes what a net gives of the arrays that it takes."""
        told = self._told[name]
        given = {each["name"]: self.arrays[each["name"]] for each in told["inputs"]}
        wanted = [each["name"] for each in told["outputs"]]
        self.arrays.update(zip(wanted, self._computed(name, wanted, given), strict=True))

    def answer(self, name: str, rows: dict[str, np.ndarray]) -> np.ndarray:
        """What a net of a question gives for k symbols, a block at a time: float32 `[k]`."""
        told = self._told[name]
        block, count = told["inputs"][0]["shape"][0], len(rows["near"])
        found = []
        for first in range(0, count, block):
            part = {key: value[first : first + block] for key, value in rows.items()}
            room = block - len(part["near"])
            padded = {k: np.pad(v, [(0, room), *[(0, 0)] * (v.ndim - 1)]) for k, v in part.items()}
            given = {each["name"]: padded[each["name"]] for each in told["inputs"]}
            found.append(self._computed(name, None, given)[0][: block - room])
        return np.concatenate(found)

    def inputs_of(self, name: str) -> list[str]:
        """The names of what a net takes."""
        return [each["name"] for each in self._told[name]["inputs"]]

    def _computed(self, name: str, wanted: list[str] | None, given: dict[str, np.ndarray]) -> Any:
        try:
            return self._session(name).run(wanted, given)
        except Exception as error:  # onnxruntime's own have no common type
            raise Refused(
                f"the net {self._folder / self._told[name]['file']} cannot be run: {error}"
            ) from None

    def _session(self, name: str) -> Any:
        if name not in self._sessions:
            path = str(self._folder / self._told[name]["file"])
            providers = ["CPUExecutionProvider"]
            self._sessions[name] = onnxruntime.InferenceSession(path, self._options, providers)
        return self._sessions[name]


# ---------------------------------------------------------------- the decoder


class Decoded(NamedTuple):
    """pixels: `[height, width, C]`, C 1 to 4: grey or RGB, and alpha; uint8, or uint16 of `file.depth` bits.
    symbols: of each part in turn that of each step, as it was coded. arrays: what the nets took and gave for the last
    part, by name, for whoever compares with a decoder of his own.
    """

    file: File
    pixels: np.ndarray
    symbols: list[list[np.ndarray]]
    arrays: dict[str, np.ndarray]


def decode(folder: Path, data: bytes, base: bool = False) -> Decoded:
    """The picture of a file by the nets in a folder. Raises Refused, with a reason for whoever gave the file."""
    file = read_file(data, base)
    told, tables, shifts = _read_folder(folder)
    _check(file, told)
    nets = {size: Nets(folder, each) for size, each in told["nets"].items()}
    rgb, symbols, check = [], [], 0
    for part in file.parts:
        stream, of_size = RangeDecoder(part.stream, check), nets[_named(_arrays(part, told))]
        of_size.begin(file.quality, _padded(part, told["multiple"]))
        symbols.append(_symbols(StepReader(stream, shifts), of_size, part, told, tables))
        stream.finish()
        if (check := stream.check) != part.check:
            raise Refused(_ELSEWHERE)
        of_size.run("picture")
        picture = of_size.arrays["picture"][0, : part.height, : part.width]
        rgb.append(_rounded(picture, file.depth))
    return Decoded(file, _shown(file, _put_together(file.parts, rgb)), symbols, of_size.arrays)


def _read_folder(folder: Path) -> tuple[dict[str, Any], dict[str, Tables], Shifts]:
    """(what `decoder.json` says, the tables by the names of latents, those of shifts)."""
    try:
        told = json.loads((folder / "decoder.json").read_text())
        if told["format"] != 1:
            raise Refused(f"{folder} has format {told['format']}, and this program reads 1")
        with np.load(folder / "tables.npz") as arrays:
            tables = {name: _tables(arrays, name) for name in told["tables"]}
            return (
                told,
                tables,
                Shifts(arrays["shifts"], told["block"], _tables(arrays, "shift_tables")),
            )
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise Refused(
            f"{folder} is no whole folder of `hcfss export-nets`: {type(error).__name__}: {error}"
        ) from None


def _symbols(
    reader: StepReader, nets: Nets, part: Part, told: dict[str, Any], tables: dict[str, Tables]
) -> list[np.ndarray]:
    """Those of each step of a part."""
    found = []
    for number, here in enumerate(told["steps"]):
        step = _step(here, part, told, tables[here["latent"]])
        if here["net"]:
            nets.run(here["net"])
        found.append(_read(reader, nets, step, here, f"step{number}"))
        nets.arrays[f"step{number}.symbols"] = step.unsent(found[-1])
    return found


def _read(
    reader: StepReader, nets: Nets, step: Step, here: dict[str, Any], name: str
) -> np.ndarray:
    """The symbols of a step, `[n]`."""
    if here["read_by"] == "channel":
        return reader.by_channel(step)
    if here["read_by"] == "position":
        return reader.by_position(step, step.sent(nets.arrays[f"{name}.position"]))
    question = here["question"]
    of_each = {
        key: step.sent(nets.arrays[key]) for key in nets.inputs_of(question) if key in nets.arrays
    }

    def position(which: np.ndarray, near: np.ndarray, far: np.ndarray) -> np.ndarray:
        rows = {key: value[which] for key, value in of_each.items()}
        return nets.answer(question, {**rows, "near": near, "far": far})

    return reader.by_answers(step, here["flagged"], position)


def _check(file: File, told: dict[str, Any]) -> None:
    """Whether these nets are for this file."""
    if told["form"] != "onnx":
        raise Refused(f"the nets here are {told['form']}, and this program runs onnx")
    if (file.model, file.fingerprint) != (told["model"], told["fingerprint"]):
        raise Refused(
            f"the file was written with weights {file.fingerprint} of {file.model}, and the nets here are of "
            f"{told['fingerprint']} of {told['model']}: nets of the others go into another folder"
        )
    if not 1 <= file.quality <= told["levels"]:
        raise Refused(f"the file claims quality {file.quality} of {told['levels']}")
    needed = dict.fromkeys(_named(_arrays(part, told)) for part in file.parts)
    if missing := [size for size in needed if size not in told["nets"]]:
        raise Refused(
            f"the file takes nets for arrays of {' and '.join(missing)}, and the folder has "
            f"{' and '.join(told['nets'])}: write it anew, with a --like or --size of `hcfss export-nets` for each"
        )


def _arrays(part: Part, told: dict[str, Any]) -> tuple[int, int]:
    """The height and width of the arrays that hold a part: the first of the sizes, or its own."""
    multiple = told["multiple"]
    for height, width in told["sizes"]:
        fits = part.height <= height and part.width <= width
        if fits and not (height % multiple or width % multiple):
            return height, width
    return _padded(part, multiple)


def _named(size: tuple[int, int]) -> str:
    """As the folder names its nets: "256x512"."""
    height, width = size
    return f"{height}x{width}"


def _padded(part: Part, multiple: int) -> tuple[int, int]:
    return part.height + -part.height % multiple, part.width + -part.width % multiple


def _tables(arrays: Any, name: str) -> Tables:
    return Tables(*(arrays[f"{name}.{part}"] for part in ("cdf", "offset", "length")))


def _step(here: dict[str, Any], part: Part, told: dict[str, Any], tables: Tables) -> Step:
    stride, lattice = here["stride"], here["lattice"]
    rows, columns = -(-part.height // stride), -(-part.width // stride)
    i, j = np.indices((rows, columns))
    wanted = {"whole": (0, 1), "even": (0,), "odd": (1,)}[lattice]
    taken = np.isin((i + j) % 2, wanted)
    height, width = (-(-side // stride) for side in _arrays(part, told))
    shape = (1, height, width, here["channels"])
    return Step(here["latent"], tables, rows, columns, taken, shape, *here["grid"])


# ---------------------------------------------------------------- the picture


def _rounded(picture: np.ndarray, depth: int) -> np.ndarray:
    """Values of the model as pixels of so many bits."""
    white = (1 << depth) - 1
    rounded = np.round(np.float32(white) * np.clip(picture, 0, 1))
    return rounded.astype(np.uint8 if depth == 8 else np.uint16)


def _put_together(parts: Sequence[Part], rgb: list[np.ndarray]) -> np.ndarray:
    """The picture of its tiles, `[h, w, 3]` each: first each row of them, then these."""
    tops = list(dict.fromkeys(part.top for part in parts))
    lefts = list(dict.fromkeys(part.left for part in parts))
    rows = [rgb[i : i + len(lefts)] for i in range(0, len(rgb), len(lefts))]
    strips = [_joined([x.swapaxes(0, 1) for x in row], lefts).swapaxes(0, 1) for row in rows]
    return _joined(strips, tops)


def _joined(parts: list[np.ndarray], starts: list[int]) -> np.ndarray:
    """Parts below each other; where two share lines, one fades into the other."""
    whole, w = parts[0], np.arange(1, 2 * _OVERLAP, 2).reshape(-1, 1, 1)
    for part, start in zip(parts[1:], starts[1:], strict=True):
        above, below = whole[start:].astype(int), part[:_OVERLAP].astype(int)
        shared = (above * (32 - w) + below * w + 16) // 32
        whole = np.concatenate([whole[:start], shared.astype(part.dtype), part[_OVERLAP:]])
    return whole


def _shown(file: File, rgb: np.ndarray) -> np.ndarray:
    """`[h, w, C]`: the luma of a grey file; alpha behind the colours."""
    if file.grey:
        luma = rgb.astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32)
        rgb = (luma + 32768 >> 16).astype(rgb.dtype)[..., None]
    if _ALPHA not in file.sections:
        return rgb
    alpha = grey_of_png(file.sections[_ALPHA], file.height, file.width)
    if alpha.dtype != rgb.dtype or alpha.max() >> file.depth:
        raise Refused("the file is damaged: its alpha plane has another depth")
    return np.concatenate([rgb, alpha[..., None]], axis=-1)


# ---------------------------------------------------------------- PNG


def png(decoded: Decoded) -> bytes:
    """A PNG file, with the profile and the metadata of the picture. Depths of 9 to 15 bits are told in 16."""
    pixels, depth = decoded.pixels, decoded.file.depth
    height, width, channels = pixels.shape
    bits, kinds = 8 * pixels.itemsize, {1: 0, 2: 4, 3: 2, 4: 6}
    header = struct.pack(">IIBBBBB", width, height, bits, kinds[channels], 0, 0, 0)
    if bits == 16:
        white = (1 << depth) - 1
        pixels = ((pixels.astype(np.uint32) * 65535 + white // 2) // white).astype(">u2")
    lines = np.ascontiguousarray(pixels).view(np.uint8).reshape(height, -1)
    body = np.pad(lines, ((0, 0), (1, 0)))  # each line's filter is 0, none
    chunks = [(b"IHDR", header), *_beside(decoded.file.sections)]
    if depth not in (8, 16):
        chunks.append((b"sBIT", bytes([depth] * channels)))
    chunks += [(b"IDAT", zlib.compress(body.tobytes())), (b"IEND", b"")]
    return _PNG + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


_PNG = b"\x89PNG\r\n\x1a\n"


def _beside(sections: Mapping[int, bytes]) -> list[tuple[bytes, bytes]]:
    """The chunks of a PNG for what a file says of its picture. Those of a profile and XMP are zlib streams, too."""
    found = []
    if _ICC in sections:
        _inflated(sections[_ICC], 1 << 24)
        found.append((b"iCCP", b"ICC Profile\0\0" + sections[_ICC]))
    if _DENSITY in sections:
        reader = _Bytes(sections[_DENSITY])
        across, down = reader.varint(), reader.varint()
        if not across or not down or not reader.at_end:
            raise Refused("the file is damaged: it has no density")
        metre = [round(number / 25.4) for number in (across, down)]
        found.append((b"pHYs", struct.pack(">IIB", *metre, 1)))
    if _EXIF in sections:
        found.append((b"eXIf", _inflated(sections[_EXIF], 1 << 20)))
    if _XMP in sections:
        _inflated(sections[_XMP], 1 << 20)
        found.append((b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + sections[_XMP]))
    return found


def grey_of_png(data: bytes, height: int, width: int) -> np.ndarray:
    """The pixels of a PNG of that size and one channel, uint8 or uint16 `[h, w]`."""
    reader, held, size = _Bytes(data), [], 0
    if reader.take(8) != _PNG:
        raise Refused("the file is damaged: its alpha plane is no PNG")
    kind = b""
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", reader.take(8))
        body = reader.take(length)
        reader.take(4)
        if kind == b"IHDR":
            columns, rows, bits, *more = struct.unpack(">IIBBBBB", _Bytes(body).take(13))
            if (rows, columns, more) != (height, width, [0, 0, 0, 0]) or bits not in (8, 16):
                raise Refused("the alpha plane is not of the picture's size, 8 or 16 bits, grey")
            size = bits // 8
        elif kind == b"IDAT":
            held.append(body)
    lines = np.frombuffer(_inflated(b"".join(held), height * (1 + size * width)), np.uint8)
    if not size or lines.size != height * (1 + size * width):
        raise Refused("the file is damaged: its alpha plane is cut")
    lines = lines.reshape(height, -1)
    pixels = np.zeros((height + 1, size * width), np.uint8)
    for row, line in enumerate(lines):
        pixels[row + 1] = _unfiltered(int(line[0]), line[1:], pixels[row], size)
    return pixels[1:].view(">u2" if size == 2 else np.uint8).astype(f"u{size}")


def _unfiltered(kind: int, line: np.ndarray, above: np.ndarray, size: int) -> np.ndarray:
    """The bytes of a line of a PNG. size: bytes of a pixel."""
    if kind == 0:
        return line
    if kind == 1:
        return np.cumsum(line.reshape(-1, size), axis=0, dtype=np.uint8).ravel()
    if kind == 2:
        return line + above
    if kind > 4:
        raise Refused("the file is damaged: its alpha plane has a filter that PNG does not know")
    up, found = above.tolist(), [0] * size
    corner = [0] * size + up
    for i, value in enumerate(line.tolist()):
        a, b, c = found[i], up[i], corner[i]
        # Their mean, or which of the three is nearest to a + b - c.
        near = (abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c)
        found.append(value + (a + b >> 1 if kind == 3 else min(near)[2]) & 255)
    return np.array(found[size:], np.uint8)


def _inflated(stream: bytes, most: int) -> bytes:
    """What a zlib stream holds, of so many bytes at most."""
    try:
        machine = zlib.decompressobj()
        found = machine.decompress(stream, most + 1)
    except zlib.error as error:
        raise Refused(f"the file is damaged: {error}") from None
    if len(found) > most:
        raise Refused("the file is damaged: a section is larger than it may be")
    if not machine.eof or machine.unused_data:
        raise Refused("the file is damaged: a section of it is cut, or goes on behind its end")
    return found


# ---------------------------------------------------------------- the command


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="Decode a .hcf file by exported nets.")
    parser.add_argument("folder", type=Path, help="what `hcfss export-nets` wrote")
    parser.add_argument("file", type=Path, help=".hcf file")
    parser.add_argument("picture", type=Path, help=".png to write")
    parser.add_argument(
        "--base", action="store_true", help="of a file with a residual the picture below it"
    )
    parser.add_argument("--force", action="store_true", help="replace a picture that is there")
    args = parser.parse_args(arguments)
    try:
        if args.picture.suffix.lower() != ".png":
            raise Refused(f"{args.picture}: the picture is written as PNG, call it .png")
        if args.picture.exists() and not args.force:
            raise Refused(f"{args.picture} exists already: --force replaces it")
        _write(args.picture, png(decode(args.folder, args.file.read_bytes(), args.base)))
    except (Refused, OSError) as error:
        print(f"decode.py: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _write(path: Path, data: bytes) -> None:
    """All of a file, or nothing."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
