"""`hcfss import-torch` and `hcfss export-torch`: weights of PyTorch codecs, and back."""

import argparse
import sys
from pathlib import Path

from hcfss_jax.cli.messages import complain, is_kept
from hcfss_jax.runtime.jax_settings import prepare_jax


def import_torch(args: argparse.Namespace) -> int:
    """Make a weight package of a checkpoint. The exit code."""
    if is_kept(args.out, args.force):
        return 1
    prepare_jax()
    from hcfss_jax.errors import WrongWeights
    from hcfss_jax.pytorch import from_state_dict, read_state_dict, sizes_of
    from hcfss_jax.weights import save_package

    sizes_of(args.model)  # before a large file is read for nothing
    checkpoint = Path(args.checkpoint)
    meta = {"imported_from": checkpoint.name}
    try:
        package = from_state_dict(read_state_dict(checkpoint), args.model, meta)
    except WrongWeights as error:
        headline, *listed = str(error).splitlines()
        complain(headline)
        print(*listed, sep="\n", end="\n" * bool(listed), file=sys.stderr)
        return 1
    save_package(args.out, package, dtype="float32")
    print(
        f"{args.out}: {package.name}, {package.parameter_count:,} parameters, "
        f"fingerprint {package.fingerprint.hex()}"
    )
    return 0


def export_torch(args: argparse.Namespace) -> int:
    """Write the state dict of a weight package. The exit code."""
    if is_kept(args.out, args.force):
        return 1
    prepare_jax()
    from hcfss_jax.pytorch import to_state_dict, write_state_dict
    from hcfss_jax.weights import load_package

    package = load_package(args.weights)
    state = to_state_dict(package)
    write_state_dict(args.out, state)
    print(f"{args.out}: {len(state)} tensors of {package.name}; call update() after loading them")
    return 0
