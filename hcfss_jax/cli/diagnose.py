"""`hcfss diagnose`: why a file cannot be read here, and whether there is a way to compute that reads it."""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from hcfss_jax.cli.messages import complain, explain
from hcfss_jax.coding import Extra, Header, unpack
from hcfss_jax.errors import HcfError
from hcfss_jax.pictures.picture_files import printable
from hcfss_jax.runtime.float_settings import FLOAT_SETTINGS, environment
from hcfss_jax.runtime.whole_file import write_whole
from hcfss_jax.weights import absence, load_package, shipped_with


def diagnose(args: argparse.Namespace) -> int:
    """Check the bytes, then read them in each setting, each in a process of its own. The exit code, 0 if one does."""
    if args.output and os.path.lexists(args.output):
        complain(f"{args.output} exists: choose another output")
        return 1
    file = Path(args.file)
    try:
        header, _, sections = unpack(file.read_bytes())
    except Exception as error:
        complain(f"{args.file}: {explain(error, args.file)}")
        return 1
    print(
        f"{printable(args.file)}: whole, by its checksum; written by {header.model}, weights {header.fingerprint.hex()}"
    )
    try:
        others = _other_weights(header, args.model)
    except HcfError as error:
        others = str(error)
    if others:
        complain(others)
        return 1
    if Extra.STEP_CHECKS not in sections:
        print(
            "it has no checks of its steps (hcfss compress --step-checks), so none is named below"
        )
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / f"out{Path(args.output or '.png').suffix or '.png'}"
        for name, flags in FLOAT_SETTINGS.items():
            told = _read(args, picture, flags)
            print(f"{name:<16} {told or 'reads it'}", flush=True)
            if told is None:
                _tell_how(args, picture, flags)
                return 0
    print(
        "no setting of this machine reads it: decode it on the machine that wrote it, or with the version of "
        "jaxlib that was there (pip install jaxlib==...), if it was not damaged before its checksum was made"
    )
    return 1


def _other_weights(header: Header, model: str | None) -> str | None:
    """Why no setting can read a file, where the weights at hand are not those that wrote it. Raises HcfError."""
    wrote = f"weights {header.fingerprint.hex()} of {header.model} wrote it"
    if model is None:
        if shipped_with(header.model, header.fingerprint):
            return None
        return f"{wrote}, {absence(header.model, header.fingerprint)}: --model FILE gives them"
    has = load_package(model).fingerprint
    return None if has == header.fingerprint else f"{wrote}, and {model} has {has.hex()}"


def _read(args: argparse.Namespace, picture: Path, flags: str) -> str | None:
    """What speaks against reading a file so; None where it could be read."""
    command = [sys.executable, "-m", "hcfss_jax.cli", "decompress", args.file, "-o", str(picture)]
    command += ["--quiet", "--force"]
    for option, value in (("--model", args.model), ("--model-factory", args.model_factory)):
        command += [option, value] if value else []
    done = subprocess.run(
        command, env={**os.environ, **environment(flags)}, capture_output=True, text=True
    )
    advice = " `hcfss diagnose"  # given by the error, and taken
    lines = done.stderr.partition(advice)[0].strip().splitlines()
    return None if done.returncode == 0 else lines[-1] if lines else f"exit {done.returncode}"


def _tell_how(args: argparse.Namespace, picture: Path, flags: str) -> None:
    if args.output:
        write_whole(Path(args.output), picture.read_bytes())
        print(f"written: {printable(args.output)}")
    elif flags:
        print(
            f"read it with JAX_PLATFORMS=cpu XLA_FLAGS={flags!r} hcfss decompress ..., or -o here"
        )
