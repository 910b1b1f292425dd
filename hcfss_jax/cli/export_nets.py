"""`hcfss export-nets`: a decoder's nets and tables, for programs without JAX or without this library."""

import argparse
from pathlib import Path

from hcfss_jax import coding
from hcfss_jax.cli import runtime
from hcfss_jax.cli.messages import is_kept
from hcfss_jax.runtime.jax_settings import prepare_jax


def export_nets(args: argparse.Namespace) -> int:
    """Write the folder. The exit code."""
    if is_kept(args.out, args.force):
        return 1
    prepare_jax()
    from hcfss_jax.codec.coded_tiles import tile_sizes
    from hcfss_jax.nets.folder import form_of, write_decoder

    sizes = [tuple(size) for size in args.size or ()]
    for path in args.like or ():
        sizes += tile_sizes(*coding.unpack(Path(path).read_bytes()))
    form = form_of(args.format)  # what is not installed is told before weights are read
    codec = runtime.load_codec(args.weights, args.model_factory)
    arrays = write_decoder(args.out, codec, sizes, form)
    print(
        f"{args.out}: {codec.name}, weights {codec.fingerprint.hex()}, as {args.format}, for arrays of "
        f"{' and '.join(f'{height}x{width}' for height, width in arrays)} pixels"
    )
    return 0
