"""`hcfss info` and `hcfss models`: what files and models say of themselves."""

import argparse
from pathlib import Path

from hcfss_jax.cli.batch import complain, explain
from hcfss_jax.coding import Extra, unpack
from hcfss_jax.jax_settings import prepare_jax


def info(args: argparse.Namespace) -> int:
    """Print what stands in a file's header; no weights are needed. The exit code."""
    try:
        data = Path(args.file).read_bytes()
        header, stream, extras = unpack(data)
    except Exception as error:
        complain(f"{args.file}: {explain(error, args.file)}")
        return 1
    beside = [f"{Extra(kind).name} ({len(payload):,} bytes)" for kind, payload in extras.items()]
    rows = {
        "file": f"{len(data):,} bytes",
        "picture": f"{header.width}x{header.height} pixels, {header.colour}",
        "rate": f"{8 * len(data) / (header.width * header.height):.3f} bpp",
        "model": header.model,
        "weights": header.fingerprint.hex(),
        "quality": f"{header.quality:g}",
        "symbols": f"{len(stream):,} bytes",
        "beside them": ", ".join(beside) or "nothing",
    }
    for name, value in rows.items():
        print(f"{name:<12} {value}")
    return 0


def models(args: argparse.Namespace) -> int:
    """Print every model of the library and the weights that come with it. The exit code."""
    prepare_jax()
    from hcfss_jax.models import model_names
    from hcfss_jax.weights import load_package, shipped_names

    shipped = shipped_names()
    for name in sorted({*model_names(), *shipped}):
        told = "no weights here: train it, or give its weights with --model FILE"
        if name in shipped:
            package = load_package(name)
            told = f"{package.parameter_count:,} parameters, weights {package.fingerprint.hex()}"
        print(f"{name:<20} {told}")
    return 0
