"""The command line of `hcfss`: what can be asked, and how an answer or a failure is told."""

import argparse
import importlib
import math
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from hcfss_jax.cli.batch import complain, explain

_INTERRUPTED = 130  # 128 + SIGINT, as shells count


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code: 0, 1 for failures, 2 for usage, 130 for Ctrl-C."""
    args = _parser().parse_args(argv)
    try:
        # Ctrl-C and a polite kill unwind alike, so neither leaves half a file behind.
        previous = signal.signal(signal.SIGTERM, _terminate)
    except ValueError:  # not the main thread: whoever runs it there handles signals
        previous = None
    try:
        return args.command(args)
    except KeyboardInterrupt:
        complain("interrupted: what was finished is whole, and nothing else was written")
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader left (`hcfss info x | head`). Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        complain(explain(error))
        return 1
    finally:
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)


def _terminate(number: int, frame: Any) -> None:
    raise SystemExit(128 + number)


def _command(module: str, name: str) -> Callable[[argparse.Namespace], int]:
    """A command that imports its module when it is run, not when the help is read."""

    def run(args: argparse.Namespace) -> int:
        return getattr(importlib.import_module(f"hcfss_jax.cli.{module}"), name)(args)

    return run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hcfss", description="Learned image compression: photos to .hcf files and back."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    compress = commands.add_parser("compress", help="photos to .hcf files")
    _add_paths(compress, "photos, or folders of them; the last may be the output")
    rate = compress.add_mutually_exclusive_group()
    rate.add_argument(
        "-q",
        "--quality",
        type=_number,
        metavar="Q",
        help="1 to 8, or what the model has; default 4",
    )
    rate.add_argument(
        "--target-bpp", type=_positive, metavar="X", help="the best quality within X bits a pixel"
    )
    compress.add_argument(
        "--strip", action="store_true", help="leave out EXIF, XMP and density (dpi)"
    )
    compress.set_defaults(command=_command("transcode", "compress"))

    decompress = commands.add_parser("decompress", help=".hcf files to pictures (PNG)")
    _add_paths(decompress, ".hcf files, or folders of them; the last may be the output")
    decompress.set_defaults(command=_command("transcode", "decompress"))

    info = commands.add_parser("info", help="what an .hcf file says of itself")
    info.add_argument("file", metavar="FILE")
    info.set_defaults(command=_command("describe", "info"))

    models = commands.add_parser("models", help="the models, and which have weights here")
    models.set_defaults(command=_command("describe", "models"))

    take = commands.add_parser("import-torch", help="weights of a PyTorch codec, for use here")
    take.add_argument("checkpoint", metavar="CHECKPOINT", help=".pth, .pth.tar or safetensors")
    _add_output(take, "import_torch", "weight package to write, NAME.safetensors")
    take.add_argument(
        "--model", required=True, metavar="NAME", help="a model, or a family such as csm"
    )

    give = commands.add_parser("export-torch", help="weights for the PyTorch code of a model")
    give.add_argument("weights", metavar="NAME|FILE", help="a model or a file of weights")
    _add_output(give, "export_torch", "state dict to write, .safetensors or .pth")

    demo = commands.add_parser("demo", help="compress and decompress a sample photo")
    demo.add_argument("--out", default="hcfss-demo", metavar="DIR", help="default: hcfss-demo")
    demo.add_argument("--model", metavar="NAME|FILE", help="a model or a file of weights")
    demo.add_argument("-q", "--quality", type=_number, metavar="Q")
    demo.set_defaults(command=_command("demo", "demo"))
    return parser


def _add_paths(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help=what)
    parser.add_argument("-o", "--output", metavar="OUT", help="output file or folder")
    parser.add_argument("-f", "--force", action="store_true", help="replace existing outputs")
    parser.add_argument("--model", metavar="NAME|FILE", help="a model or a file of weights")


def _add_output(parser: argparse.ArgumentParser, command: str, what: str) -> None:
    parser.add_argument("out", metavar="OUT", help=what)
    parser.add_argument("-f", "--force", action="store_true", help="replace an existing output")
    parser.set_defaults(command=_command("port", command))


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number")
    return value


def _positive(text: str) -> float:
    if (value := _number(text)) <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than 0")
    return value
