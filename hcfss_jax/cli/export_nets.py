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
    height, width = args.size or _size_of(args.picture)
    prepare_jax()
    from hcfss_jax.nets.folder import form_of, write_decoder

    form = form_of(args.format)  # what is not installed is told before weights are read
    codec = runtime.load_codec(args.weights, args.model_factory)
    rows, columns = write_decoder(args.out, codec, height, width, form)
    print(
        f"{args.out}: {codec.name}, weights {codec.fingerprint.hex()}, as {args.format}, for arrays of "
        f"{rows}x{columns} pixels"
    )
    return 0


def _size_of(path: str) -> tuple[int, int]:
    header, _ = coding.peek(Path(path).read_bytes())
    return header.height, header.width
