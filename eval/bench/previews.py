"""How good the picture is that the first bytes of a file give: PSNR over the share of its bytes.

    python -m eval.bench.previews --data FOLDER/kodim05.png FOLDER/kodim20.png --qualities 4 8

A preview grows by whole coding steps. So there is a row for each number of steps: the fewest bytes from which
`decompress(..., partial=True)` shows them, in percent of the file, and PSNR in dB; means over the pictures.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eval.sweep import read_picture
from hcfss_jax import coding
from hcfss_jax.codec import Codec, load
from hcfss_jax.codec.picture_stream import Written, write_picture
from hcfss_jax.errors import CorruptSection
from hcfss_jax.metrics import psnr
from hcfss_jax.runtime.jax_settings import prepare_jax
from hcfss_jax.weights import DEFAULT_WEIGHTS

Row = tuple[float, float]
"""Percent of a file's bytes, and PSNR in dB."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="pictures, in one piece each"
    )
    parser.add_argument("--qualities", type=float, nargs="+", default=[4.0, 8.0])
    parser.add_argument("--weights", default=DEFAULT_WEIGHTS, help="a model or a file of weights")
    args = parser.parse_args(argv)
    prepare_jax()
    codec = load(args.weights)
    found = [
        np.mean([previews(codec, _pixels(file), quality) for file in args.data], axis=0)
        for quality in args.qualities
    ]
    print(_table(args.qualities, found))
    return 0


def previews(codec: Codec, rgb: np.ndarray, quality: float) -> list[Row]:
    """Of each number of steps, from the first alone to all, for a picture uint8 `[H, W, 3]` in one piece."""
    data = codec.compress(rgb, quality)
    header, stream, _ = coding.unpack(data)
    passes = codec._coder.passes.of(*rgb.shape[:2])
    margins = codec._coder.margins(header.quality)
    written = write_picture(passes, codec.tables, rgb, header.quality, margins)
    assert written.stream == stream
    before = len(data) - len(stream) - coding.CHECK_BYTES
    rows = []
    for steps in range(len(passes.plan)):
        bytes_read = before + _fewest_bytes(written, steps)
        shown = np.asarray(codec.decompress(data, steps=steps))
        rows.append((100 * bytes_read / len(data), float(psnr(shown, rgb))))
    return rows


def _fewest_bytes(written: Written, steps: int) -> int:
    """Of the stream, from which the first step and so many behind it are certain."""
    parts = [part for step in written.steps[: steps + 1] for part in step]
    few, many = 0, len(written.stream)
    while few < many:
        middle = (few + many) // 2
        decoder = coding.RangeDecoder(written.stream[:middle])
        try:
            for _, indices, tables in parts:
                decoder.decode(indices, tables)
            certain = decoder.is_certain()
        except CorruptSection:
            certain = False
        few, many = (few, middle) if certain else (middle + 1, many)
    return few


def _pixels(file: Path) -> np.ndarray:
    return np.asarray(read_picture(file)[0].convert("RGB"))


def _table(qualities: Sequence[float], found: Sequence[np.ndarray]) -> str:
    """As Markdown."""
    head = ["steps behind the first", *(f"quality {q:g}: bytes, PSNR" for q in qualities)]
    lines = [head, ["---"] * len(head)]
    for steps in range(max(map(len, found))):
        cells = [f"{rows[steps][0]:.1f} %, {rows[steps][1]:.2f} dB" for rows in found]
        lines.append([str(steps), *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
