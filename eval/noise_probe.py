"""One setting's part of `eval.noise`, in a process of its own: it needs no more than the library.

    python -m eval.noise_probe write --data PICTURE ... --qualities 1 4 8 --out FOLDER
    python -m eval.noise_probe read --files FOLDER ... --out FILE.json

Writes files, the positions behind their tables and the values of their pixels; or reads such files, and says how far
its own positions and values lie away, and whether it finds the exact pixels.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hcfss_jax import coding
from hcfss_jax.codec import Codec, load
from hcfss_jax.codec.compiled_model import PicturePasses
from hcfss_jax.codec.exact_pixels import find_exact, make_exact
from hcfss_jax.codec.picture_stream import Written, read_picture, write_picture
from hcfss_jax.codec.step_stream import SHIFT_TABLES
from hcfss_jax.entropy.margins import margins, pixel_noise
from hcfss_jax.errors import DecodeMismatch
from hcfss_jax.pictures.bit_depth import largest
from hcfss_jax.pictures.images import read_image
from hcfss_jax.runtime.jax_settings import prepare_jax
from hcfss_jax.weights import DEFAULT_WEIGHTS

_AROUND_SECTION = 3  # how many there are, its type, its length

EDGES = 2.0 ** np.arange(-24, 1)
"""Of the histogram of |delta p|, in steps of the table."""


class _Recording(PicturePasses):
    """Passes that keep the positions of all steps whose tables follow from floats, float32 `[n]` each, and the values
    of pixels.
    """

    def __init__(self, codec: Codec, height: int, width: int):
        super().__init__(codec.model, {"params": codec.params}, height, width)
        self._kept: dict[int, list[np.ndarray]] = {}

    def rows(self, step: int, prediction: Any) -> np.ndarray:
        rows = super().rows(step, prediction)
        if self.plan[step].distribution.grid:
            self._kept.setdefault(step, []).append(rows)
        return rows

    def positions(self, step: int, prediction: Any, question: Any) -> np.ndarray:
        positions = super().positions(step, prediction, question)
        self._kept.setdefault(step, []).append(positions)
        return positions

    def synthesise(self, decoded: Any, level: np.ndarray) -> np.ndarray:
        self._synthesised = decoded, level
        return super().synthesise(decoded, level)

    def values(self) -> np.ndarray:
        """x_hat of the picture that was synthesised last, float32 `[H, W, 3]`."""
        return self.synthesise_floats(*self._synthesised)[: self.height, : self.width]

    def kept(self) -> dict[int, np.ndarray]:
        """By step, of those that have some."""
        shifted = [i for i, step in enumerate(self.plan) if step.distribution.grid]
        none = [np.zeros(0, np.float32)]
        return {i: np.concatenate(self._kept.get(i, none)) for i in shifted}


def main() -> int:
    """Write or read; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=("write", "read"))
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS)
    parser.add_argument("--data", type=Path, nargs="*", help="pictures to write")
    parser.add_argument("--qualities", type=float, nargs="*")
    parser.add_argument("--out", type=Path, help="of write, a folder; of read, a JSON file")
    parser.add_argument("--files", type=Path, nargs="*", help="folders to read")
    args = parser.parse_args()
    needed = ("data", "qualities", "out") if args.task == "write" else ("files", "out")
    if missing := [name for name in needed if not getattr(args, name)]:
        parser.error(f"{args.task} needs --{' and --'.join(missing)}")
    prepare_jax()
    codec = load(args.weights)
    if args.task == "write":
        args.out.mkdir(parents=True, exist_ok=True)
        for file in args.data:
            for quality in args.qualities:
                _write(codec, file, quality, args.out / f"{file.name}-{quality:g}.npz")
    else:
        found = {str(folder): list(_read_all(codec, folder)) for folder in args.files}
        args.out.write_text(json.dumps(found))
    return 0


def _write(codec: Codec, file: Path, quality: float, out: Path) -> None:
    rgb = read_image(file).at_depth(8).rgb
    passes = _Recording(codec, *rgb.shape[:2])
    room = margins(codec.meta.get("noise"), quality, codec.model.plan)
    written = write_picture(passes, codec.tables, rgb, quality, room)
    kept: dict[str, Any] = {f"step{i}": positions for i, positions in passes.kept().items()}
    kept["stream"], kept["x_hat"] = np.frombuffer(written.stream, np.uint8), written.x_hat()
    kept["values"] = written.floats()
    kept["exact"], told = make_exact(kept["values"], pixel_noise(codec.meta.get("noise"), quality))
    kept["section"] = np.frombuffer(coding.pack_exact([told]), np.uint8)
    kept["crc"], kept["quality"] = written.checks[-1], quality
    plain = write_picture(passes, codec.tables, rgb, quality, [0.0] * len(room))
    kept["plain"] = _length_without_shifts(plain)
    np.savez(out, **kept)


def _length_without_shifts(written: Written) -> int:
    """Bytes of the same symbols, where no margin asked for a shift and none is told."""
    parts = itertools.chain(*written.steps)
    return len(coding.encode([part for part in parts if part[-1] is not SHIFT_TABLES]))


def _read_all(codec: Codec, folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as theirs:
            yield _read(codec, file.stem, dict(theirs))


def _read(codec: Codec, name: str, theirs: dict[str, np.ndarray]) -> dict[str, Any]:
    """How this process reads a stream, and how far its positions lie from the writer's."""
    expected = theirs["x_hat"]
    passes = _Recording(codec, *expected.shape[:2])
    stream, quality = theirs["stream"].tobytes(), float(theirs["quality"])
    same = True
    try:
        x_hat = read_picture(passes, codec.tables, stream, quality, [int(theirs["crc"])])
        of_pixels = _compare_pixels(passes.values(), theirs)
    except DecodeMismatch:
        x_hat, same = np.zeros_like(expected), False
        of_pixels = {
            "exact_found": False,
            "exact_wrong": 0,
            "pixels_mean": 0.0,
            "pixels_largest": 0.0,
        }
    counts, largest, flips = np.zeros(EDGES.size + 1, np.int64), [], 0
    for i, ours in passes.kept().items():
        writers, grid = theirs[f"step{i}"], passes.plan[i].distribution.grid
        assert grid
        # A reader that is out of step asks about other symbols than the writer.
        ours, writers = (x[: min(ours.size, writers.size)] for x in (ours, writers))
        inside = (writers > 0) & (writers < grid.highest)
        away = np.abs(ours - writers)[inside]
        counts += np.bincount(np.searchsorted(EDGES, away), minlength=EDGES.size + 1)
        largest.append(float(away.max(initial=0)))
        flips += int(np.sum(np.floor(ours + 0.5) != np.floor(writers + 0.5)))
    difference = np.abs(x_hat.astype(int) - expected)
    return {
        "file": name,
        "quality": quality,
        "same_symbols": same,
        "pixels_off_by_1": int(np.sum(difference == 1)),
        "pixels_off_by_more": int(np.sum(difference > 1)),
        "values": int(difference.size),
        **of_pixels,
        "exact_bytes": int(theirs["section"].size) + _AROUND_SECTION,
        "largest": largest,
        "flips_without_shifts": flips,
        "histogram": counts.tolist(),
        "bytes": int(theirs["stream"].size),
        "bytes_without_shifts": int(theirs["plain"]),
    }


def _compare_pixels(ours: np.ndarray, theirs: dict[str, np.ndarray]) -> dict[str, Any]:
    """How far values lie from the writer's, in levels, where they are not clipped; and whether exact pixels are those
    that it made.
    """
    writers, inside = theirs["values"].astype(np.float64), np.abs(theirs["values"] - 0.5) < 0.5
    away = largest(8) * np.abs(ours - writers)[inside]
    (told,) = coding.unpack_exact(theirs["section"].tobytes(), [ours.size])
    try:
        wrong, found = int(np.sum(find_exact(ours, told) != theirs["exact"])), True
    except DecodeMismatch:
        wrong, found = 0, False
    return {
        "exact_found": found,
        "exact_wrong": wrong,
        "pixels_mean": float(away.mean()) if away.size else 0.0,
        "pixels_largest": float(away.max(initial=0)),
    }


if __name__ == "__main__":
    sys.exit(main())
