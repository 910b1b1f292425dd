"""`hcfss push` and `hcfss pull`: weights to the Hugging Face Hub, and from it."""

import argparse
from pathlib import Path

from hcfss_jax.cli.messages import is_kept
from hcfss_jax.runtime.whole_file import write_whole
from hcfss_jax.weights import load_package
from hcfss_jax.weights.hub import fetched
from hcfss_jax.weights.publish import push as publish


def push(args: argparse.Namespace) -> int:
    """Put weights there. The exit code."""
    card = None if args.card is None else Path(args.card).read_text(encoding="utf-8")
    print(publish(args.weights, args.address, card, args.private))
    return 0


def pull(args: argparse.Namespace) -> int:
    """Fetch weights, into the cache or to a file as well. The exit code."""
    if args.out and is_kept(args.out, args.force):
        return 1
    found = fetched(args.address)
    package = load_package(found)  # that it is one, before anything is written
    if args.out:
        write_whole(Path(args.out), found.read_bytes())
    print(f"{args.out or found}: {package.name}, weights {package.fingerprint.hex()}")
    return 0
