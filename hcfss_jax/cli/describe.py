"""`hcfss info` and `hcfss models`: what files and models say of themselves."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from hcfss_jax.cli.jobs import STANDARD
from hcfss_jax.cli.messages import complain, explain
from hcfss_jax.codec.carried import depth_of
from hcfss_jax.codec.tiles import SMALLEST_TILE, spans, tile_count
from hcfss_jax.coding import Extra, Header, TileTable, unpack
from hcfss_jax.coding.varint import ByteReader
from hcfss_jax.errors import CorruptSection
from hcfss_jax.pictures.picture_files import printable
from hcfss_jax.runtime.jax_settings import prepare_jax

_MOST_TOLD = 6  # spans of a line


def info(args: argparse.Namespace) -> int:
    """Print what stands in the headers of files; no weights are needed. The exit code."""
    known = []
    for path in args.paths:
        try:
            data = sys.stdin.buffer.read() if path == STANDARD else Path(path).read_bytes()
            known.append(_facts(printable(path), data))
        except Exception as error:
            complain(f"{path}: {explain(error, path)}")
    if args.json:
        print(json.dumps(known, indent=1))
    else:
        several = len(args.paths) > 1
        print("\n\n".join(_told(facts, several) for facts in known), end="\n" * bool(known))
    return int(len(known) < len(args.paths))


def _facts(path: str, data: bytes) -> dict[str, Any]:
    """What is known of a file, as JSON holds it. Raises what `unpack` raises."""
    header, stream, extras = unpack(data)
    depth = depth_of(extras)
    return {
        "path": path,
        "bytes": len(data),
        "width": header.width,
        "height": header.height,
        "colour": header.colour,
        "depth": depth,
        "bpp": 8 * len(data) / (header.width * header.height),
        "model": header.model,
        "weights": header.fingerprint.hex(),
        "quality": header.quality,
        "max_error": _max_error(extras),
        "symbols": len(stream),
        "tiles": _tiles(header, extras),
        "extras": {Extra(kind).name: len(payload) for kind, payload in extras.items()},
    }


def _max_error(extras: dict[int, bytes]) -> int | None:
    """The bound of a file's residual; 0 is lossless."""
    if Extra.RESIDUAL not in extras:
        return None
    return ByteReader(extras[Extra.RESIDUAL]).varint("largest error")


def _tiles(header: Header, extras: dict[int, bytes]) -> dict[str, Any] | None:
    """How the tiles lie: each span of columns with each of rows is one. None for a picture in one piece."""
    if Extra.TILES not in extras:
        return None
    table = TileTable.unpack(extras[Extra.TILES])
    if table.side < SMALLEST_TILE or tile_count(header.height, header.width, table.side) != len(
        table.lengths
    ):
        raise CorruptSection("the tiles are not those of a picture of this size")
    return {
        "side": table.side,
        "columns": spans(header.width, table.side),
        "rows": spans(header.height, table.side),
        "bytes": table.lengths,
    }


def _told(facts: dict[str, Any], by_name: bool) -> str:
    beside = [f"{name} ({size:,} bytes)" for name, size in facts["extras"].items()]
    rows = {
        "file": f"{facts['bytes']:,} bytes",
        "picture": f"{facts['width']}x{facts['height']} pixels, {facts['colour']}, {facts['depth']} bits a channel",
        "rate": f"{facts['bpp']:.3f} bpp",
        "model": facts["model"],
        "weights": facts["weights"],
        "quality": _told_quality(facts["quality"], facts["max_error"]),
        "symbols": f"{facts['symbols']:,} bytes",
        "tiles": _told_tiles(facts["tiles"], facts["max_error"]),
        "beside them": ", ".join(beside) or "nothing",
    }
    lines = [f"{name:<12} {value}" for name, value in rows.items()]
    return "\n".join([facts["path"]] * by_name + lines)


def _told_quality(quality: float, max_error: int | None) -> str:
    if max_error is None:
        return f"{quality:g}"
    bound = f"no value is off by more than {max_error}" if max_error else "lossless"
    return f"{bound}; of the picture below, {quality:g}"


def _told_tiles(tiles: dict[str, Any] | None, max_error: int | None) -> str:
    if tiles is None:
        return "none: a region takes all of the picture"
    across, down = tiles["columns"], tiles["rows"]
    return (
        f"{len(across)}x{len(down)} of up to {tiles['side']} pixels a side; "
        f"across {_told_spans(across)}; down {_told_spans(down)}"
        + "; with its residual, a region takes all of the picture"
        * (max_error is not None)
    )


def _told_spans(found: list[tuple[int, int]]) -> str:
    words = [f"{start}-{end}" for start, end in found]
    return " ".join(words if len(words) <= _MOST_TOLD else [*words[:2], "...", words[-1]])


def models(args: argparse.Namespace) -> int:
    """Print every model of the library and the weights that come with it. The exit code."""
    prepare_jax()
    from hcfss_jax.models import model_names
    from hcfss_jax.weights import load_package, shipped_names

    shipped = shipped_names()
    names = sorted({*model_names(), *shipped})
    width = max(map(len, names))
    for name in names:
        told = "no weights here: train it, or give its weights with --model FILE"
        if name in shipped:
            package = load_package(name)
            told = f"{package.parameter_count:,} parameters, weights {package.fingerprint.hex()}"
        print(f"{name:<{width}} {told}")
    return 0
