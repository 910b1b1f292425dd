"""Decodes .hcf files with NumPy and onnxruntime alone:

    python decode.py FOLDER picture.hcf picture.png

FOLDER is what `hcfss export-nets WEIGHTS FOLDER --size HEIGHT WIDTH` made, of the weights that wrote the file and at a
size that holds its picture; this program lies in it, too. It reads the common file: one picture of 8 bits a channel,
without alpha, tiles or residual. What it cannot show rightly, it refuses.

It is written to be read, from top to bottom: the file, the range coder, the steps, the nets, the picture. The order of
a decoder in any language is `decode`; docs/format.md says what each field means.
"""

import dataclasses
import json
import struct
import sys
import zlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime


class Refused(Exception):
    """The file is damaged, or holds what is not decoded here. The message is for whoever gave it."""


# ---------------------------------------------------------------- the file


@dataclasses.dataclass(frozen=True)
class File:
    """What a file says, as far as a picture follows from it."""

    model: str
    fingerprint: str
    width: int
    height: int
    quality: float
    symbol_check: int
    grey: bool
    stream: bytes


_NOT_HERE = {
    1: "an alpha plane",
    4: "tiles: it was written in parts",
    5: "a residual: it is lossless, or holds a bound",
    6: "more than 8 bits a channel",
    7: "a list of the values that occur",
}


def read_file(data: bytes) -> File:
    """The fields of a file whose bytes are whole."""
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
    model = reader.take(reader.varint()).decode("ascii")
    fingerprint = reader.take(4).hex()
    width, height = reader.varint(), reader.varint()
    quality, check = struct.unpack("<HI", reader.take(6))
    for _ in range(reader.varint() if flags & 2 else 0):
        kind = reader.take(1)[0]
        reader.take(reader.varint())
        if kind < 128:  # what may be left out has a number from 128 on
            raise Refused(f"the file has {_NOT_HERE.get(kind, f'a section of type {kind}')}")
    stream = reader.take(reader.varint())
    grey = bool(flags & 1)
    return File(model, fingerprint, width, height, quality / 64, check, grey, stream)


class _Bytes:
    """Takes fields off the front."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, size: int) -> bytes:
        self._at += size
        if self._at > len(self._data):
            raise Refused("the file is cut")
        return self._data[self._at - size : self._at]

    def varint(self) -> int:
        number = 0
        for i in range(5):
            byte = self.take(1)[0]
            number |= (byte & 127) << 7 * i
            if byte < 128:
                return number
        raise Refused("the file is damaged: a number in it does not end")


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

    Attributes:
      check: CRC-32 of all integers so far, each as a little-endian int32.
    """

    def __init__(self, stream: bytes) -> None:
        self._stream, self._at, self.check = stream, 4, 0
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


_ELSEWHERE = (
    "the symbols are not those that were written: the floats of this machine lie further from the writer's than it "
    "left room for"
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
    """The nets of a folder, and the arrays that they were given and have left, by name."""

    def __init__(self, folder: Path, told: dict[str, Any]) -> None:
        self._folder, self._told = folder, told
        self._options = onnxruntime.SessionOptions()
        self._options.log_severity_level = 3
        self._options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self._sessions: dict[str, Any] = {}
        self.arrays: dict[str, np.ndarray] = {}

    def run(self, name: str) -> None:
        """Computes what a net gives of the arrays that it takes."""
        told = self._told[name]
        given = {each["name"]: self.arrays[each["name"]] for each in told["inputs"]}
        wanted = [each["name"] for each in told["outputs"]]
        self.arrays.update(zip(wanted, self._session(name).run(wanted, given), strict=True))

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
            found.append(self._session(name).run(None, given)[0][: block - room])
        return np.concatenate(found)

    def inputs_of(self, name: str) -> list[str]:
        """The names of what a net takes."""
        return [each["name"] for each in self._told[name]["inputs"]]

    def _session(self, name: str) -> Any:
        if name not in self._sessions:
            path = str(self._folder / self._told[name]["file"])
            providers = ["CPUExecutionProvider"]
            self._sessions[name] = onnxruntime.InferenceSession(path, self._options, providers)
        return self._sessions[name]


# ---------------------------------------------------------------- the decoder


class Decoded(NamedTuple):
    """pixels: uint8 `[height, width, 3]`, of a grey file `[height, width]`. symbols: of each step, as it was coded.
    arrays: what the nets took and gave, by name, for whoever compares with a decoder of his own.
    """

    pixels: np.ndarray
    symbols: list[np.ndarray]
    arrays: dict[str, np.ndarray]


def decode(folder: Path, data: bytes) -> Decoded:
    """The picture of a file by the nets in a folder. Raises Refused, with a reason for whoever gave the file."""
    told = json.loads((folder / "decoder.json").read_text())
    file = read_file(data)
    _check(file, told)
    nets = Nets(folder, told["nets"])
    nets.arrays["level"] = np.array([file.quality - 1], np.float32)
    nets.arrays["area"] = np.array(_whole(file, told["multiple"]), np.int32)
    with np.load(folder / "tables.npz") as arrays:
        tables = {name: _tables(arrays, name) for name in told["tables"]}
        shifts = Shifts(arrays["shifts"], told["block"], _tables(arrays, "shift_tables"))
    stream = RangeDecoder(file.stream)
    reader, symbols = StepReader(stream, shifts), []
    for number, here in enumerate(told["steps"]):
        step = _step(here, file, told, tables[here["latent"]])
        if here["net"]:
            nets.run(here["net"])
        symbols.append(_read(reader, nets, step, here, f"step{number}"))
        nets.arrays[f"step{number}.symbols"] = step.unsent(symbols[-1])
    if stream.check != file.symbol_check:
        raise Refused(_ELSEWHERE)
    nets.run("picture")
    picture = nets.arrays["picture"][0, : file.height, : file.width]
    return Decoded(_pixels(picture, file.grey), symbols, nets.arrays)


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
            f"{told['fingerprint']} of {told['model']}"
        )
    if not 1 <= file.quality <= told["levels"]:
        raise Refused(f"the file claims quality {file.quality} of {told['levels']}")
    if (needed := _arrays(file, told)) != (found := tuple(told["arrays"])):
        raise Refused(
            f"the picture of {file.height}x{file.width} takes arrays of {needed[0]}x{needed[1]}, and the nets here are "
            f"for {found[0]}x{found[1]}: hcfss export-nets {file.model} OUT --size {file.height} {file.width}"
        )


def _arrays(file: File, told: dict[str, Any]) -> tuple[int, ...]:
    """The height and width of the arrays that hold the picture: the first of the sizes, or its own."""
    multiple = told["multiple"]
    for height, width in told["sizes"]:
        fits = file.height <= height and file.width <= width
        if fits and not (height % multiple or width % multiple):
            return height, width
    return _whole(file, multiple)


def _whole(file: File, multiple: int) -> tuple[int, int]:
    return file.height + -file.height % multiple, file.width + -file.width % multiple


def _tables(arrays: Any, name: str) -> Tables:
    return Tables(*(arrays[f"{name}.{part}"] for part in ("cdf", "offset", "length")))


def _step(here: dict[str, Any], file: File, told: dict[str, Any], tables: Tables) -> Step:
    stride, lattice = here["stride"], here["lattice"]
    rows, columns = -(-file.height // stride), -(-file.width // stride)
    i, j = np.indices((rows, columns))
    wanted = {"whole": (0, 1), "even": (0,), "odd": (1,)}[lattice]
    taken = np.isin((i + j) % 2, wanted)
    height, width = (-(-side // stride) for side in told["arrays"])
    shape = (1, height, width, here["channels"])
    return Step(here["latent"], tables, rows, columns, taken, shape, *here["grid"])


# ---------------------------------------------------------------- the picture


def _pixels(picture: np.ndarray, grey: bool) -> np.ndarray:
    rgb = np.round(np.float32(255) * np.clip(picture, 0, 1)).astype(np.uint8)
    if not grey:
        return rgb
    luma = rgb.astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32)
    return (luma + 32768 >> 16).astype(np.uint8)


def png(pixels: np.ndarray) -> bytes:
    """A PNG file of uint8 `[h, w, 3]`, or `[h, w]`."""
    height, width = pixels.shape[:2]
    colours = 2 if pixels.ndim == 3 else 0
    rows = np.pad(pixels.reshape(height, -1), ((0, 0), (1, 0)))  # each row's filter is 0, none

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes()))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    if len(arguments) != 3:
        print("usage: python decode.py FOLDER picture.hcf picture.png", file=sys.stderr)
        return 2
    folder, source, target = map(Path, arguments)
    try:
        target.write_bytes(png(decode(folder, source.read_bytes()).pixels))
    except (Refused, OSError) as error:
        print(f"decode.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
