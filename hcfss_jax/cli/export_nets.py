"""`hcfss export-nets`: a decoder's nets and tables, for programs without JAX or without this library."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hcfss_jax import coding
from hcfss_jax.cli import runtime
from hcfss_jax.cli.messages import explain, is_kept
from hcfss_jax.errors import HcfError, WrongWeights
from hcfss_jax.runtime.jax_settings import prepare_jax

if TYPE_CHECKING:
    from hcfss_jax.codec import Codec


def export_nets(args: argparse.Namespace) -> int:
    """Write the folder. The exit code."""
    if not (args.size or args.like):
        args.usage.error("for which pictures? --size HEIGHT WIDTH, or --like FILE")
    if is_kept(args.out, args.force):
        return 1
    prepare_jax()
    from hcfss_jax.nets.folder import form_of, write_decoder

    form = form_of(args.format)  # what is not installed is told before weights are read
    codec = runtime.load_codec(args.weights, args.model_factory)
    sizes = [(height, width) for height, width in args.size]
    for path in args.like:
        sizes += _sizes_of(path, codec)
    arrays = write_decoder(args.out, codec, sizes, form)
    print(
        f"{args.out}: {codec.name}, weights {codec.fingerprint.hex()}, as {args.format}, for arrays of "
        f"{' and '.join(f'{height}x{width}' for height, width in arrays)} pixels"
    )
    return 0


def _sizes_of(path: str, codec: "Codec") -> list[tuple[int, int]]:
    """The sizes of the tiles of a file. Raises HcfError, with its name, for one that these weights do not decode."""
    from hcfss_jax.codec.coded_tiles import tile_sizes
    from hcfss_jax.weights import shipped_with

    try:
        header, stream, sections = coding.unpack(Path(path).read_bytes())
        sizes = tile_sizes(header, stream, sections)
    except (HcfError, OSError) as error:
        raise HcfError(f"{path}: {explain(error, path)}") from error
    if (header.model, header.fingerprint) != (codec.name, codec.fingerprint):
        shipped = shipped_with(header.model, header.fingerprint)
        advice = f", which ship as {shipped}" if shipped else ""
        raise WrongWeights(
            f"{path} was written with weights {header.fingerprint.hex()} of {header.model}{advice}; given are "
            f"{codec.fingerprint.hex()} of {codec.name}"
        )
    return sizes
