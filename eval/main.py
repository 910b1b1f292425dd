"""Measure a codec on a folder of pictures, through whole files, beside JPEG and WebP.

    python -m eval.main --weights hcfssnet-tiny --data kodak --out kodak.json

Prints a table and BD-rates and writes all points as JSON. Ends with 1 if a decoder made any other
picture than its encoder promised.
"""

import argparse
import dataclasses
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from eval.anchors import ANCHORS
from eval.measure import Point, measure, measure_anchors, warm_up
from eval.summary import bd_rates, curves, table
from hcfss_jax.codec import Codec, load
from hcfss_jax.errors import HcfError
from hcfss_jax.images import read_image
from hcfss_jax.jax_settings import prepare_jax
from hcfss_jax.whole_file import write_whole


def main(argv: Sequence[str] | None = None) -> int:
    """Run the evaluation; the exit code."""
    args = _parser().parse_args(argv)
    prepare_jax()
    try:
        return _run(args)
    except (HcfError, OSError) as error:
        print(f"eval.main: {error}", file=sys.stderr)
        return 1


def _run(args: argparse.Namespace) -> int:
    # What cannot work is found out before the hours that it would cost.
    if args.out:
        _check_writable(args.out)
    codec = load(args.weights)
    for quality in args.qualities:
        codec.check_quality(quality)
    files = find_images(args.data)[: args.limit]
    points = evaluate(codec, files, args.qualities, args.anchors)
    report = make_report(codec, points)
    print_report(report, codec.name)
    if args.out:
        write_whole(args.out, (json.dumps(report, indent=1) + "\n").encode())
        print(f"all {len(points)} points: {args.out}")
    return int(report["exact"]["equal"] < report["exact"]["checked"])


def find_images(folder: Path) -> list[Path]:
    """The picture files of a folder, by name. Raises HcfError where there are none."""
    suffixes = Image.registered_extensions()
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in suffixes)
    if not found:
        raise HcfError(f"{folder} holds no picture: give --data another folder")
    return found


def evaluate(
    codec: Codec, files: Iterable[Path], qualities: Sequence[float], anchors: Sequence[str]
) -> list[Point]:
    """Every picture at every quality, and through every anchor. Alpha planes are left aside."""
    points: list[Point] = []
    seen: set[tuple[int, ...]] = set()
    for file in tqdm(list(files), unit="image", disable=None):
        pixels = np.ascontiguousarray(read_image(file).rgb)
        if pixels.shape not in seen:
            seen.add(pixels.shape)
            warm_up(codec, pixels, qualities)
        points += [measure(codec, file.name, pixels, quality) for quality in qualities]
        points += measure_anchors(anchors, file.name, pixels)
    return points


def make_report(codec: Codec, points: Sequence[Point]) -> dict[str, Any]:
    """All that was measured, as plain values for JSON."""
    by_codec = curves(points)
    promises = [point.exact for point in points if point.exact is not None]
    rivals = {name: curve for name, curve in by_codec.items() if name != codec.name}
    return {
        "codec": {
            "name": codec.name,
            "weights": codec.fingerprint.hex(),
            "parameters": codec.parameter_count,
        },
        "machine": _machine(),
        "exact": {"checked": len(promises), "equal": sum(promises)},
        "bd_rate": {name: bd_rates(by_codec[codec.name], rivals[name]) for name in rivals},
        "curves": by_codec,
        "points": [dataclasses.asdict(point) for point in points],
    }


def print_report(report: dict[str, Any], name: str) -> None:
    """The report in short."""
    print(f"{name} {report['codec']['weights']}, means over the pictures:")
    print(table(report["curves"][name]))
    exact = report["exact"]
    print(f"decoded as the encoder promised, to the bit: {exact['equal']} of {exact['checked']}")
    for rival, answers in report["bd_rate"].items():
        for metric, answer in answers.items():
            told = answer.get("why") or (
                f"{answer['percent']:+.2f} % (over {answer['low']:.2f} to {answer['high']:.2f} dB)"
            )
            print(f"BD-rate against {rival}, mean {metric} at mean bpp: {told}")


def _check_writable(path: Path) -> None:
    """Makes the folder of a file to be. Raises OSError where no such file can be written."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: give --out the name of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=path.parent).close()


def _machine() -> dict[str, Any]:
    import jax

    return {
        "device": jax.devices()[0].device_kind,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in ("jax", "flax", "numpy", "pillow")},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", default="hcfssnet-tiny", help="a model's name or a file")
    parser.add_argument("--data", type=Path, required=True, help="a folder of pictures")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    parser.add_argument("--qualities", type=float, nargs="+", default=list(range(1, 9)))
    parser.add_argument("--anchors", nargs="*", choices=sorted(ANCHORS), default=sorted(ANCHORS))
    parser.add_argument("--limit", type=_count, help="only the first so many pictures")
    return parser


def _count(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


if __name__ == "__main__":
    sys.exit(main())
